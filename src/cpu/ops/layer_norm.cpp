// LayerNorm (ops.h):  y <- (x - mean) / sqrt(var + eps) * w + b
//
// Work   A row is read three times, from L1 after the first: for a centre, for mean and variance about it, for y.
// Error  Against f64, of the magnitude that counts the cancellation of x - mean: 2^-21.
#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

template <>
void execute(const LayerNorm& op, ExecContext& context) {
  const int64_t dim = op.x.cols();
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  parallel_rows(context.pool, op.x.rows(), dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      context.kernels.layer_norm(dim, row_of(op.x, row), w, b, op.eps, row_of(op.y, row));
  });
}

}  // namespace seedstory::cpu
