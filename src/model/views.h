// Views, as several networks need them.
#pragma once

#include "seedstory/tensor.h"

namespace seedstory {

// All axes but the last as one: what Linear sees.
inline Tensor as_rows(const Tensor& t) {
  Tensor out(t.data, t.dtype, {t.rows(), t.cols()});
  out.stride[0] = t.row_stride();
  return out;
}

// The same numbers n times along a first axis of length 1 that takes no step in memory.
inline Tensor repeated(const Tensor& t, int64_t n) {
  Tensor out = t;
  out.dim[0] = n;
  out.stride[0] = 0;
  return out;
}

}  // namespace seedstory
