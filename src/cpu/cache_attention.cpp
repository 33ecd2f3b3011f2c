// CacheAttention (ops.h): causal attention over a cache whose keys are rotated by rank as they are read.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

void rotate(const float* x, const float* rope, int64_t half, float* out) {
  for (int64_t j = 0; j < half; ++j) {
    out[j] = x[j] * rope[j] - x[half + j] * rope[half + j];
    out[half + j] = x[half + j] * rope[j] + x[j] * rope[half + j];
  }
}

}  // namespace

void execute(const CacheAttention& op, Crew& crew) {
  const int64_t rows = op.q.dim[0], heads = op.q.dim[1], dim = op.q.dim[2], length = op.slots.dim[0];
  const auto* slots = op.slots.as<int32_t>();
  float* scratch = crew.scratch.floats((length * (dim + 1) + dim) * crew.threads);
  parallel_tasks(crew.threads, heads, [&](int64_t head, int thread) {
    float* rotated = scratch + (length * (dim + 1) + dim) * thread;
    float *score = rotated + length * dim, *q = score + length;
    for (int64_t rank = 0; rank < length; ++rank)
      rotate(row_of(op.k, slots[rank] * heads + head), row_of(op.rope, rank), dim / 2, rotated + rank * dim);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t seen = length - rows + row + 1;
      rotate(row_of(op.q, row * heads + head), row_of(op.rope, seen - 1), dim / 2, q);
      float top = -std::numeric_limits<float>::infinity();
      for (int64_t rank = 0; rank < seen; ++rank) {
        float dot = 0;
        for (int64_t i = 0; i < dim; ++i) dot += q[i] * rotated[rank * dim + i];
        score[rank] = dot * op.scale;
        top = std::max(top, score[rank]);
      }
      double sum = 0;
      for (int64_t rank = 0; rank < seen; ++rank) sum += score[rank] = std::exp(score[rank] - top);
      float* y = row_of(op.y, row * heads + head);
      for (int64_t i = 0; i < dim; ++i) y[i] = 0;
      for (int64_t rank = 0; rank < seen; ++rank) {
        const float* v = row_of(op.v, slots[rank] * heads + head);
        for (int64_t i = 0; i < dim; ++i) y[i] += score[rank] * v[i];
      }
      for (int64_t i = 0; i < dim; ++i) y[i] = float(y[i] / sum);
    }
  });
}

}  // namespace seedstory::cpu
