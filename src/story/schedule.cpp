#include "story/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace seedstory {

Schedule make_schedule(const SchedulerConfig& config, int64_t steps) {
  const int64_t train = config.train_timesteps;
  if (steps < 1 || steps > train) fail_usage(fmt::format("--steps: {} came, expected 1 to {}", steps, train));

  // f32 where torch uses f32 (betas, their product), so that sigmas agree to the last digits.
  std::vector<double> sigma(train);
  const float first = float(std::sqrt(config.beta_start)), last = float(std::sqrt(config.beta_end));
  double alpha_product = 1;
  for (int64_t t = 0; t < train; ++t) {
    const float root = train == 1 ? first : float(first + double(last - first) * t / (train - 1));
    alpha_product *= double(1.0f - root * root);
    const double alpha = float(alpha_product);
    sigma[t] = std::sqrt((1 - alpha) / alpha);
  }

  Schedule schedule;
  const int64_t stride = train / steps;
  for (int64_t j = 0; j < steps; ++j) {
    const int64_t t = (steps - 1 - j) * stride + config.steps_offset;
    schedule.timesteps.push_back(float(t));
    schedule.sigmas.push_back(float(sigma[std::min(t, train - 1)]));
  }
  schedule.sigmas.push_back(0);
  schedule.init_noise_sigma = float(std::sqrt(double(schedule.sigmas[0]) * schedule.sigmas[0] + 1));
  return schedule;
}

}  // namespace seedstory
