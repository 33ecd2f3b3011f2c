// Where run-time values become template arguments. The list is what we support; anything else fails by name.
#pragma once

#include <cstdint>
#include <string>

#include "alignment.h"
#include "gpu.cuh"
#include "seedstory/tensor.h"

namespace seedstory {

// f.operator()<T>() for the type of the elements.
template <class F>
void with_float_type(DType type, const char* op, F&& f) {
  switch (type) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f16:
      return f.template operator()<f16>();
    case DType::bf16:
      return f.template operator()<bf16>();
    default:
      fail(std::string(op) + ": has no CUDA kernel for " + name_of(type));
  }
}

// f.operator()<n>() for the first n of the list that is at least `value`.
template <int... kList, class F>
void with_at_least(int64_t value, const std::string& what, F&& f) {
  const bool found = ((value <= kList && (f.template operator()<kList>(), true)) || ...);
  if (!found) fail(what + ": " + std::to_string(value) + " is more than the CUDA kernels have");
}

}  // namespace seedstory
