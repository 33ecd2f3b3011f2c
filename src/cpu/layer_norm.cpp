// LayerNorm (ops.h):  y <- (x - mean) / sqrt(var + eps) * w + b
#include <cmath>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

void execute(const LayerNorm& op, Crew& crew) {
  const int64_t dim = op.x.cols();
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  parallel_rows(crew.threads, op.x.rows(), dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* x = row_of(op.x, row);
      float* y = row_of(op.y, row);
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < dim; ++i) sum += x[i];
      const double mean = sum / double(dim);
      for (int64_t i = 0; i < dim; ++i) squares += (x[i] - mean) * (x[i] - mean);
      const double scale = 1 / std::sqrt(squares / double(dim) + op.eps);
      for (int64_t i = 0; i < dim; ++i) y[i] = float((x[i] - mean) * scale) * w[i] + b[i];
    }
  });
}

}  // namespace seedstory::cpu
