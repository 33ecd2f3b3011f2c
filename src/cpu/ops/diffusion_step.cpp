// Sinusoid, ScaleInput, SchedulerStep (ops.h): small tensors between the steps of the denoiser.
//
// Numbers  Sinusoid takes its frequencies and angles in f32, as torch does (diffusers' get_timestep_embedding): at t
//          near 1000 an angle in f64 would differ from the published tables by 3e-5. cos and sin of that angle are
//          taken in f64 and rounded once.
// Error    ScaleInput, relative, against f64: 2^-24, its one rounding. SchedulerStep against f64, of the magnitudes of
//          the at most four products: 4 * 2^-24, as each of them is rounded once and passes through at most three
//          sums. Sinusoid against f64 at the exact angle: |angle| * 2^-22 + 2^-24.
#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

template <>
void execute(const Sinusoid& op, ExecContext&) {
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

namespace {

const StepCoefficients& row_of_step(const Tensor& coefficients, const Tensor& step) {
  return *reinterpret_cast<const StepCoefficients*>(row_of(coefficients, step.as<int32_t>()[0]));
}

// sum[i] <- c.x x[i] + c.uncond uncond[i] + c.cond cond[i]; without guidance uncond is null.
template <class Row>
void weighted_sum(const Row& c, int64_t cols, const float* x, const float* uncond, const float* cond, float* sum) {
  if (uncond)
    for (int64_t i = 0; i < cols; ++i) sum[i] = c.x * x[i] + (c.uncond * uncond[i] + c.cond * cond[i]);
  else
    for (int64_t i = 0; i < cols; ++i) sum[i] = c.x * x[i] + c.cond * cond[i];
}

}  // namespace

template <>
void execute(const ScaleInput& op, ExecContext& context) {
  const float input = row_of_step(op.coefficients, op.step).input;
  Tensor x = op.x, y = op.y;
  join_pixels({&x, &y});
  const int64_t rows = x.rows(), cols = x.cols();
  const bool guided = y.rows() > rows;
  parallel_rows(context.pool, rows, cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = row_of(x, row);
      float *first = row_of(y, row), *second = guided ? row_of(y, rows + row) : first;
      for (int64_t i = 0; i < cols; ++i) first[i] = second[i] = from[i] * input;
    }
  });
}

template <>
void execute(const SchedulerStep& op, ExecContext& context) {
  const StepCoefficients& c = row_of_step(op.coefficients, op.step);
  Tensor latent = op.x, m = op.m, history = op.history;
  join_pixels({&latent, &m, &history});
  const int64_t rows = latent.rows(), cols = latent.cols();
  const bool guided = m.rows() > rows;
  parallel_rows(context.pool, rows, cols, [&](int64_t begin, int64_t end) {
    std::vector<float> kept(history ? size_t(cols) : 0);
    for (int64_t row = begin; row < end; ++row) {
      float* x = row_of(latent, row);
      const float* uncond = guided ? row_of(m, row) : nullptr;
      const float* cond = row_of(m, guided ? rows + row : row);
      if (history) weighted_sum(c.history, cols, x, uncond, cond, kept.data());
      weighted_sum(c.latent, cols, x, uncond, cond, x);
      if (!history) continue;
      float* h = row_of(history, row);
      if (c.latent.history != 0)
        for (int64_t i = 0; i < cols; ++i) x[i] += c.latent.history * h[i];
      std::copy(kept.begin(), kept.end(), h);
    }
  });
  ++op.step.as<int32_t>()[0];
}

}  // namespace seedstory::cpu
