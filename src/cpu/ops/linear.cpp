// Linear (ops.h):       y <- act(x wT + bias) + residual
// GatedLinear (ops.h):  y <- a * act(g), [a | g] = x wT + bias
//
// Work    The product of gemm.h with the rows as they lie; bias, activation and residual are applied on the way to
//         y. With one row the weight is read once, in order, and that is the time it takes. A task of GatedLinear has
//         the same columns of a and of g: neither goes to memory. For weights in q8 and q4 a row is rounded to int8
//         in blocks of 32 first, once (Int8Kernels), unless the backend's Products are f32.
// Error   Against f64, of the sum of magnitudes: a chain of k roundings, sqrt(k) 2^-24 and rarely twice that (Higham
//         and Mary 2019), and 2^-22 for the rest. A bf16 weight is exact in f32. Of GatedLinear, each sum the same,
//         times the other factor.
//         In integers that is the error beside rounded rows, and less: a chain of k / 32 roundings, and 2^-23 of
//         each block for its scales. Rounding x itself moves a number by 1/254 of the largest in its block.
// Bits    An element is one chain over k: docs/decisions/0003-linear-summation-order.md says why not oneDNN's matmul.
//         In integers one over blocks, the same on every instruction set.
#include "cpu/gemm/gemm.h"
#include "cpu/ops/execute.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

namespace {

template <class Op>
GemmProblem problem_of(const Op& op, const Panels& w) {
  return {.rows = op.x.dim[0], .w = w, .compute_type = op.compute_type, .gathers = false, .x = op.x};
}

template <class Op>
int64_t product_bytes(const Op& op, const ExecContext& context) {
  if (op.y.numel() == 0) return 0;
  const GemmTasks tasks(problem_of(op, panel_shape(op.w, op.weight_use(), context)), context.pool.threads());
  return tasks.scratch_floats() * int64_t(sizeof(float)) + room_bytes(op.w, op.weight_use(), context.kernels);
}

template <class Op, class Epilogue>
void multiply(const Op& op, ExecContext& context, Epilogue&& epilogue) {
  Scratch room;
  const GemmProblem problem = problem_of(op, panels_of(op.w, op.weight_use(), room, context));
  if (problem.w.int8) {
    const Int8Rows x = round_rows(problem, context);
    return gemm(
        problem, context, [&](int64_t first, int64_t, int64_t k, int64_t, float*) { return x.from(first, k); },
        epilogue);
  }
  gemm(
      problem, context,
      [&](int64_t first, int64_t, int64_t k, int64_t, float*) {
        return TileA{row_of(op.x, first) + k, op.x.stride[0]};
      },
      epilogue);
}

}  // namespace

template <>
int64_t scratch_bytes(const Linear& op, const ExecContext& context) {
  return product_bytes(op, context);
}
template <>
int64_t scratch_bytes(const GatedLinear& op, const ExecContext& context) {
  return product_bytes(op, context);
}

template <>
void execute(const Linear& op, ExecContext& context) {
  if (op.y.numel() == 0) return;
  const RowsEpilogue epilogue{.kernels = context.kernels,
                              .bias = op.bias ? op.bias.as<float>() : nullptr,
                              .act = op.act,
                              .residual = op.residual,
                              .y = op.y};
  multiply(op, context, [&](const Block& block, TileC sums) { epilogue(block, sums.data, sums.stride); });
}

template <>
void execute(const GatedLinear& op, ExecContext& context) {
  const int64_t n = op.y.dim[1];
  if (op.y.numel() == 0) return;
  const float* bias = op.bias ? op.bias.as<float>() : nullptr;
  multiply(op, context, [&](const Block& block, TileC sums) {
    context.kernels.epilogue_gated({.rows = block.rows,
                                    .columns = block.columns,
                                    .a = sums.data,
                                    .g = sums.data + sums.part_stride,
                                    .stride = sums.stride,
                                    .a_bias = bias ? bias + block.column : nullptr,
                                    .g_bias = bias ? bias + n + block.column : nullptr,
                                    .act = op.act,
                                    .y = row_of(op.y, block.row) + block.column,
                                    .y_stride = op.y.stride[0]});
  });
}

}  // namespace seedstory::cpu
