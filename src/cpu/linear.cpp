// Linear (ops.h):  y <- act(x wT + bias) + residual
//
// Work    The product of product.h with the rows as they lie; bias, activation and residual are applied on the way to
//         y. With one row the weight is read once, in order, and that is the time it takes.
// Error   Against f64, of the sum of magnitudes: a chain of k roundings, sqrt(k) 2^-24 and rarely twice that (Higham
//         and Mary 2019), and 2^-22 for the rest. A bf16 weight is exact in f32.
// Bits    An element is one chain over k: docs/decisions/0003-linear-summation-order.md says why not oneDNN's matmul.
#include "cpu/product.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

template <>
void execute(const Linear& op, Crew& crew) {
  const int64_t rows = op.x.dim[0], n = op.w.dim[0];
  if (rows == 0 || n == 0) return;
  product(
      rows, n, crew.weights.panels(op.w, crew), op.multiply_as, crew,
      [&](int64_t first, int64_t, int64_t k, int64_t, int) {
        return RowPiece{row_of(op.x, first) + k, op.x.stride[0]};
      },
      [&](int64_t row, int64_t count, int64_t column, int64_t columns, Sums sums) {
        finish_rows(count, columns, sums.data, sums.stride, op.bias ? op.bias.as<float>() : nullptr, op.act,
                    op.residual, op.y, row, column);
      });
}

}  // namespace seedstory::cpu
