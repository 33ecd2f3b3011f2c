// The schedulers of the denoiser as tables of numbers: scaled-linear betas, leading spacing.
//
// What a step computes is in StepCoefficients (ops.h). Here is where its numbers come from; they equal diffusers'
// EulerDiscreteScheduler, DPMSolverMultistepScheduler (2M) and DDIMScheduler.
#pragma once

#include <vector>

#include "model/model_config.h"
#include "request/choices.h"

namespace seedstory {

struct Schedule {
  std::vector<float> timesteps;         // steps: what the UNet is told
  std::vector<float> sigmas;            // steps + 1: noise beside a picture of weight 1; the last is what stays
  std::vector<StepCoefficients> steps;  // the table
  float init_noise_sigma;               // the factor of the start noise
  bool has_history;                     // of the table; without it SchedulerStep needs none
};

// guidance: 1 is without. ErrorKind::usage unless 1 <= steps <= what the method can make of train_timesteps, or where
// the method has no such sigmas.
Schedule make_schedule(const SchedulerConfig& config, int64_t steps, SamplingMethod method = SamplingMethod::euler,
                       SigmaSchedule sigmas = SigmaSchedule::discrete, double guidance = 1);

}  // namespace seedstory
