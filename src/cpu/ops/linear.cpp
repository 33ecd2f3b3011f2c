// Linear (ops.h):       y <- act(x wT + bias) + residual
// GatedLinear (ops.h):  y <- a * act(g), [a | g] = x wT + bias
//
// Work    The product of gemm.h with the rows as they lie; bias, activation and residual are applied on the way to
//         y. With one row the weight is read once, in order, and that is the time it takes. A task of GatedLinear has
//         the same columns of a and of g: neither goes to memory.
// Error   Against f64, of the sum of magnitudes: a chain of k roundings, sqrt(k) 2^-24 and rarely twice that (Higham
//         and Mary 2019), and 2^-22 for the rest. A bf16 weight is exact in f32. Of GatedLinear, each sum the same,
//         times the other factor.
// Bits    An element is one chain over k: docs/decisions/0003-linear-summation-order.md says why not oneDNN's matmul.
#include "cpu/gemm/gemm.h"
#include "cpu/ops/execute.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

namespace {

template <class Op>
int64_t product_bytes(const Op& op, int threads) {
  if (op.y.numel() == 0) return 0;
  const GemmTasks tasks(op.x.dim[0], panel_shape(op.w, op.weight_use()), false, threads);
  return tasks.scratch_floats() * int64_t(sizeof(float)) + room_bytes(op.w, op.weight_use());
}

}  // namespace

template <>
int64_t scratch_bytes(const Linear& op, int threads) {
  return product_bytes(op, threads);
}
template <>
int64_t scratch_bytes(const GatedLinear& op, int threads) {
  return product_bytes(op, threads);
}

template <>
void execute(const Linear& op, ExecContext& context) {
  const int64_t rows = op.x.dim[0];
  if (op.y.numel() == 0) return;
  Scratch room;
  gemm(
      rows, panels_of(op.w, op.weight_use(), room, context.pool), op.compute_type, false, context,
      [&](int64_t first, int64_t, int64_t k, int64_t, float*) {
        return TileA{row_of(op.x, first) + k, op.x.stride[0]};
      },
      [&](int64_t row, int64_t count, int64_t column, int64_t columns, TileC sums) {
        epilogue_rows(count, columns, sums.data, sums.stride, op.bias ? op.bias.as<float>() : nullptr, op.act,
                      op.residual, op.y, row, column);
      });
}

template <>
void execute(const GatedLinear& op, ExecContext& context) {
  const int64_t rows = op.x.dim[0], n = op.y.dim[1];
  if (rows == 0 || n == 0) return;
  const float* bias = op.bias ? op.bias.as<float>() : nullptr;
  Scratch room;
  gemm(
      rows, panels_of(op.w, op.weight_use(), room, context.pool), op.compute_type, false, context,
      [&](int64_t first, int64_t, int64_t k, int64_t, float*) {
        return TileA{row_of(op.x, first) + k, op.x.stride[0]};
      },
      [&](int64_t row, int64_t count, int64_t column, int64_t columns, TileC sums) {
        kernels().epilogue_gated(count, columns, sums.data, sums.data + sums.part_stride, sums.stride,
                                 bias ? bias + column : nullptr, bias ? bias + n + column : nullptr, op.act,
                                 row_of(op.y, row) + column, op.y.stride[0]);
      });
}

}  // namespace seedstory::cpu
