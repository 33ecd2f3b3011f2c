// Tensors as rows: the last axis is contiguous, the axes before it may have any stride.
#pragma once

#include "cpu/simd/kernels.h"

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

// Pictures (n, h, w, c) as (n h, w c), so that a row is long, where the pixels of all of them lie behind each other.
inline void join_pixels(std::initializer_list<Tensor*> pictures) {
  for (const Tensor* t : pictures)
    if (*t && !t->contiguous()) return;
  for (Tensor* t : pictures)
    if (*t) *t = t->reshape({t->dim[0] * t->dim[1], t->dim[2] * t->dim[3]});
}

// Of a matrix: `rows` rows from `row` on, `columns` columns from `column` on.
struct Block {
  int64_t row, rows, column, columns;
};

// y <- act(sums + bias) + residual; bias and residual may be absent.
struct RowsEpilogue {
  const Kernels& kernels;
  const float* bias;
  Activation act;
  const Tensor &residual, &y;

  // For a block of y whose rows lie at one stride.
  void operator()(const Block& block, const float* sums, int64_t sums_stride) const {
    const auto at = [&](const Tensor& t) { return row_of(t, block.row) + block.column; };
    kernels.epilogue({.rows = block.rows,
                      .columns = block.columns,
                      .c = sums,
                      .c_stride = sums_stride,
                      .bias = bias ? bias + block.column : nullptr,
                      .act = act,
                      .residual = residual ? at(residual) : nullptr,
                      .residual_stride = residual ? residual.stride[residual.rank - 2] : 0,
                      .y = at(y),
                      .y_stride = y.stride[y.rank - 2]});
  }
};

// The vector of one token and head in a tensor (tokens, heads, head_dim), or of one picture, token and head in one with
// pictures before. Where the row is known by its coordinates these spare the divisions of row_of().
inline float* vector_of(const Tensor& t, int64_t token, int64_t head) {
  return static_cast<float*>(t.data) + token * t.stride[0] + head * t.stride[1];
}
inline float* vector_of(const Tensor& t, int64_t picture, int64_t token, int64_t head) {
  return static_cast<float*>(t.data) + picture * t.stride[0] + token * t.stride[1] + head * t.stride[2];
}

}  // namespace seedstory::cpu
