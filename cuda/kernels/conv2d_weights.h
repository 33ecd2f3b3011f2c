// Conv2d's weight as its kernels read it: a matrix whose k has taps outside, channels inside (conv2d_weights.cu).
#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

struct PackedConv final : PackedWeight {
  Tensor rows;  // (parts, out_c, k)
  explicit PackedConv(const Tensor& rows) : rows(rows) {}
};

// The matrix without its memory, of numbers of `type`: rows from multiples of 16 bytes on, zero between them. Over a
// doubled x it has four parts, one for each place of a pixel of y in its pair of rows and columns: [row][column], with
// 2x2 taps.
Tensor conv_rows_shape(const Weight& w, WeightUse use, DType type);
inline int64_t bytes_of(const Tensor& rows) {
  return rows.dim[0] * rows.stride[0] * size_of(rows.dtype);
}

// Whether the weight as it is laid out in a block of its own is that matrix: one tap, and rows of whole 16 bytes.
bool is_conv_rows(const Weight& w, WeightUse use);

// Fills `rows`, which has its memory now, from a weight of any format that is not packed and lies elsewhere.
void pack_conv(const Weight& from, WeightUse use, const Tensor& rows, const Queue& queue);

// The matrix of op.w in x's type: what it is packed as, or made in the queue's scratch memory where it is not packed or
// of another type. So are weights in blocks, each time: they take less memory, and do not make a convolution faster.
Tensor conv_rows_of(const Conv2d& op, const Queue& queue);

}  // namespace seedstory
