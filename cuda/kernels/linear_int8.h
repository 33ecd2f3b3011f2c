// Linear and GatedLinear in products of int8 (linear_int8.cu).
#pragma once

#include <memory>

#include "round_int8.h"
#include "seedstory/ops.h"

namespace seedstory {

// Of a weight in q8: its numbers as they were, its scales as those of rounded rows are, in f32.
struct PackedInt8 final : PackedWeight {
  Int8Rows rows;
  explicit PackedInt8(const Int8Rows& rows) : rows(rows) {}
};
inline int64_t packed_int8_bytes(const Weight& w) {
  return Int8Rows::bytes(w.values.dim[0], w.values.dim[1]);
}
// The weight lies in a block of that size. `scales`: its own, from elsewhere.
std::unique_ptr<PackedInt8> pack_int8(const Weight& weight, const Tensor& scales, const Queue& queue);

// op.w.packed is a PackedInt8. Rows are rounded into the queue's scratch memory.
template <class Op>
void launch_linear_int8(const Op& op, const Tensor& residual, const Queue& queue);

// Scratch memory of an op: its rounded rows where its weight is a PackedInt8.
template <class Op>
int64_t int8_scratch_bytes(const Op& op) {
  const bool is_int8 = dynamic_cast<const PackedInt8*>(op.w.packed);
  return is_int8 ? Int8Rows::bytes(op.x.rows(), op.x.cols()) : 0;
}

}  // namespace seedstory
