// Conv2d's weight as its kernels read it: a matrix whose k has taps outside, channels inside (conv2d_weights.cu).
#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

struct PackedConv final : PackedWeight {
  Tensor rows;  // (parts, out_c, k)
  explicit PackedConv(const Tensor& rows) : rows(rows) {}
};

// The matrix without its memory, rows from multiples of 16 bytes on, zero between them. Over a doubled x it has four
// parts, one for each place of a pixel of y in its pair of rows and columns: [row][column], with 2x2 taps.
Tensor conv_rows_shape(const Weight& w, WeightUse use);
inline int64_t bytes_of(const Tensor& rows) {
  return rows.dim[0] * rows.stride[0] * size_of(rows.dtype);
}

// Whether the kernels read weights of this format. Those in blocks are refused by the launcher.
inline bool has_conv_rows(const Weight& w) {
  return !w.scales;
}

// Whether the weight as it is laid out in a block of its own is that matrix: one tap, and rows of whole 16 bytes.
bool is_conv_rows(const Weight& w, WeightUse use);

// Fills `rows`, which has its memory now, from a weight that is not packed and lies elsewhere.
void pack_conv(const Weight& from, WeightUse use, const Tensor& rows, const Queue& queue);

// The matrix of op.w: what it is packed as, or made in the queue's scratch memory.
Tensor conv_rows_of(const Conv2d& op, const Queue& queue);

}  // namespace seedstory
