// AddRmsNorm (ops.h):  h <- h + r;  y <- h / sqrt(mean(h^2) + eps) * w
#include <cmath>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

void execute(const AddRmsNorm& op, Crew& crew) {
  const int64_t dim = op.h.dim[1];
  const auto* w = op.w.as<float>();
  parallel_rows(crew.threads, op.h.dim[0], dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float *h = row_of(op.h, row), *y = row_of(op.y, row);
      if (op.r) {
        const float* r = row_of(op.r, row);
        for (int64_t i = 0; i < dim; ++i) h[i] += r[i];
      }
      double squares = 0;
      for (int64_t i = 0; i < dim; ++i) squares += double(h[i]) * h[i];
      const auto scale = float(1 / std::sqrt(squares / double(dim) + op.eps));
      for (int64_t i = 0; i < dim; ++i) y[i] = h[i] * scale * w[i];
    }
  });
}

}  // namespace seedstory::cpu
