// Add, Activate, SiluMul, GegluMul (ops.h).
#include <cmath>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

float silu(float x) {
  return float(double(x) / (1 + std::exp(-double(x))));
}
float gelu(float x) {
  return float(0.5 * double(x) * std::erfc(-double(x) * 0.70710678118654752440));
}
float apply(Activation act, float x) {
  switch (act) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return gelu(x);
    case Activation::silu:
      return silu(x);
  }
  return x;
}

}  // namespace

void execute(const Add& op, Crew& crew) {
  // A repeated axis is one with stride 0.
  Tensor b = op.b;
  for (int axis = 0; axis < b.rank; ++axis) {
    if (b.dim[axis] == op.a.dim[axis]) continue;
    b.dim[axis] = op.a.dim[axis];
    b.stride[axis] = 0;
  }
  const int64_t cols = op.y.cols(), b_step = b.stride[b.rank - 1];
  parallel_rows(crew.threads, op.y.rows(), cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* y = row_of(op.y, row);
      const float *a_row = row_of(op.a, row), *b_row = row_of(b, row);
      if (b_step == 0)
        for (int64_t i = 0; i < cols; ++i) y[i] = a_row[i] + b_row[0];
      else
        for (int64_t i = 0; i < cols; ++i) y[i] = a_row[i] + b_row[i];
    }
  });
}

void execute(const Activate& op, Crew& crew) {
  const int64_t cols = op.y.cols();
  parallel_rows(crew.threads, op.y.rows(), cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* y = row_of(op.y, row);
      const float* x = row_of(op.x, row);
      for (int64_t i = 0; i < cols; ++i) y[i] = apply(op.act, x[i]);
    }
  });
}

void execute(const SiluMul& op, Crew& crew) {
  const int64_t cols = op.y.cols();
  parallel_rows(crew.threads, op.y.rows(), cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* y = row_of(op.y, row);
      const float *gate = row_of(op.gate, row), *up = row_of(op.up, row);
      for (int64_t i = 0; i < cols; ++i) y[i] = silu(gate[i]) * up[i];
    }
  });
}

void execute(const GegluMul& op, Crew& crew) {
  const int64_t cols = op.y.cols();
  parallel_rows(crew.threads, op.y.rows(), cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* y = row_of(op.y, row);
      const float *value = row_of(op.x, row), *gate = value + cols;
      for (int64_t i = 0; i < cols; ++i) y[i] = value[i] * gelu(gate[i]);
    }
  });
}

}  // namespace seedstory::cpu
