// Tensors as rows: the last axis is contiguous, the axes before it may have any stride.
#pragma once

#include "seedstory/tensor.h"

namespace seedstory::cpu {

// Elements from the start of `t` to its row-th row, all axes but the last counted as one.
inline int64_t row_offset(const Tensor& t, int64_t row) {
  int64_t offset = 0;
  for (int axis = t.rank - 2; axis >= 0; --axis) {
    offset += row % t.dim[axis] * t.stride[axis];
    row /= t.dim[axis];
  }
  return offset;
}

inline float* row_of(const Tensor& t, int64_t row) {
  return static_cast<float*>(t.data) + row_offset(t, row);
}

}  // namespace seedstory::cpu
