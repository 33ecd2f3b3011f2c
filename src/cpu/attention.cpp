// Attention (ops.h):  y <- softmax(scale q kT) v, per picture and head.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

void execute(const Attention& op, Crew& crew) {
  const int64_t queries = op.q.dim[1], heads = op.q.dim[2], dim = op.q.dim[3], keys = op.k.dim[1];
  float* scratch = crew.scratch.floats(keys * crew.threads);
  parallel_tasks(crew.threads, op.q.dim[0] * queries * heads, [&](int64_t task, int thread) {
    const int64_t n = task / (queries * heads), head = task % heads;
    float* score = scratch + keys * thread;
    const float* q = row_of(op.q, task);
    float top = -std::numeric_limits<float>::infinity();
    for (int64_t key = 0; key < keys; ++key) {
      const float* k = row_of(op.k, (n * keys + key) * heads + head);
      float dot = 0;
      for (int64_t i = 0; i < dim; ++i) dot += q[i] * k[i];
      score[key] = dot * op.scale;
      top = std::max(top, score[key]);
    }
    double sum = 0;
    for (int64_t key = 0; key < keys; ++key) sum += score[key] = std::exp(score[key] - top);
    float* y = row_of(op.y, task);
    for (int64_t i = 0; i < dim; ++i) y[i] = 0;
    for (int64_t key = 0; key < keys; ++key) {
      const float* v = row_of(op.v, (n * keys + key) * heads + head);
      for (int64_t i = 0; i < dim; ++i) y[i] += score[key] * v[i];
    }
    for (int64_t i = 0; i < dim; ++i) y[i] = float(y[i] / sum);
  });
}

}  // namespace seedstory::cpu
