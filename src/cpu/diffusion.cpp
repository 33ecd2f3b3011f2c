// Sinusoid, ScaleModelInput, EulerStep (ops.h): small tensors between the steps of the denoiser.
//
// Numbers  Sinusoid takes its frequencies and angles in f32, as torch does (diffusers' get_timestep_embedding): at t
//          near 1000 an angle in f64 would differ from the published tables by 3e-5. cos and sin of that angle are
//          taken in f64 and rounded once.
// Error    ScaleModelInput, relative, against f64: 3 * 2^-24. EulerStep against f64, of the magnitudes of what is
//          added: 2^-21. Sinusoid against f64 at the exact angle: |angle| * 2^-22 + 2^-24.
#include <cmath>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

template <>
void execute(const Sinusoid& op, Crew&) {
  const auto* times = op.t.as<float>();
  const int64_t half = op.y.dim[1] / 2;
  const float log_period = float(-std::log(10000.0));
  for (int64_t row = 0; row < op.y.dim[0]; ++row) {
    float* y = row_of(op.y, row);
    for (int64_t j = 0; j < half; ++j) {
      const float exponent = log_period * float(j) / float(half);
      const float angle = times[row] * float(std::exp(double(exponent)));
      y[j] = float(std::cos(double(angle)));
      y[half + j] = float(std::sin(double(angle)));
    }
  }
}

template <>
void execute(const ScaleModelInput& op, Crew& crew) {
  const float sigma = op.sigma.as<float>()[0];
  const auto scale = float(1 / std::sqrt(double(sigma) * sigma + 1));
  const int64_t rows = op.x.rows(), cols = op.x.cols();
  parallel_rows(crew.pool, rows, cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* x = row_of(op.x, row);
      float *first = row_of(op.y, row), *second = row_of(op.y, rows + row);
      for (int64_t i = 0; i < cols; ++i) first[i] = second[i] = x[i] * scale;
    }
  });
}

template <>
void execute(const EulerStep& op, Crew& crew) {
  const float sigma = op.sigma.as<float>()[0], next = op.sigma.as<float>()[1];
  // v: d = (x - x0) / s with x0 = x / (s^2 + 1) - m s / sqrt(s^2 + 1), that is x s / (s^2 + 1) + m / sqrt(s^2 + 1):
  // free of the cancellation in x - x0, and defined at s = 0 too.
  const double variance = double(sigma) * sigma + 1;
  const bool v = op.prediction == Prediction::v;
  const float of_x = v ? float(sigma / variance) : 0, of_m = v ? float(1 / std::sqrt(variance)) : 1;
  const float step = next - sigma;
  const int64_t rows = op.x.rows(), cols = op.x.cols();
  parallel_rows(crew.pool, rows, cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* x = row_of(op.x, row);
      const float *without = row_of(op.m, row), *with = row_of(op.m, rows + row);
      for (int64_t i = 0; i < cols; ++i) {
        const float m = without[i] + op.guidance * (with[i] - without[i]);
        x[i] += (of_x * x[i] + of_m * m) * step;
      }
    }
  });
}

}  // namespace seedstory::cpu
