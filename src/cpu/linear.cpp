// Linear (ops.h):  y <- act(x wT + bias) + residual
#include "cpu/linear.h"

#include <cmath>

#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

void LinearWeights::prepare(const Tensor&) {}
void LinearWeights::forget(const Tensor&) {}

void LinearWeights::execute(const Linear& op, Crew& crew) {
  const int64_t rows = op.x.dim[0], k = op.x.dim[1], n = op.w.dim[0];
  parallel(crew.threads, n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t col = begin; col < end; ++col) {
        const float *x = row_of(op.x, row), *w = row_of(op.w, col);
        float sums[8] = {};
        int64_t i = 0;
        for (; i + 8 <= k; i += 8)
          for (int j = 0; j < 8; ++j) sums[j] += x[i + j] * w[i + j];
        for (; i < k; ++i) sums[0] += x[i] * w[i];
        double v = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
        if (op.bias) v += op.bias.as<float>()[col];
        if (op.act == Activation::silu) v = v / (1 + std::exp(-v));
        if (op.act == Activation::gelu) v = 0.5 * v * std::erfc(-v * 0.70710678118654752440);
        if (op.residual) v += row_of(op.residual, row)[col];
        row_of(op.y, row)[col] = float(v);
      }
  });
}

}  // namespace seedstory::cpu
