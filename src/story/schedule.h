// EulerDiscreteScheduler of diffusers 0.25: scaled-linear betas, leading spacing.
#pragma once

#include <vector>

#include "model/config.h"

namespace seedstory {

struct Schedule {
  std::vector<float> timesteps;  // steps
  std::vector<float> sigmas;     // steps + 1; the last is 0
  float init_noise_sigma;        // the factor of the start noise
};

// ErrorKind::usage unless 1 <= steps <= train_timesteps.
Schedule make_schedule(const SchedulerConfig& config, int64_t steps);

}  // namespace seedstory
