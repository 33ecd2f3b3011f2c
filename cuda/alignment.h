// What launchers ask of a tensor's rows. Plain C++, as gemm_tiles.h is.
#pragma once

#include <cstdint>

#include "seedstory/tensor.h"

namespace seedstory {

// Whether every row of t starts at a multiple of 16 bytes. An absent tensor has none that does not.
inline bool has_16_byte_rows(const Tensor& t) {
  if (!t) return true;
  bool all = reinterpret_cast<uintptr_t>(t.data) % 16 == 0;
  for (int axis = 0; axis < t.rank - 1; ++axis)
    all = all && (t.dim[axis] <= 1 || t.stride[axis] * size_of(t.dtype) % 16 == 0);
  return all;
}

// Whether they are whole pieces of 16 bytes as well.
inline bool in_pieces_of_16_bytes(const Tensor& t) {
  return has_16_byte_rows(t) && t.cols() * size_of(t.dtype) % 16 == 0;
}

}  // namespace seedstory
