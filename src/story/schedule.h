// The schedulers of the denoiser as tables of numbers: scaled-linear betas, leading spacing.
//
// What a step computes is in StepCoefficients (ops.h). Here is where its numbers come from; they equal diffusers'
// EulerDiscreteScheduler, DPMSolverMultistepScheduler (2M) and DDIMScheduler.
#pragma once

#include <vector>

#include "model/model_config.h"

namespace seedstory {

// How a step goes from one noise level to the next, --sampling-method.
enum class SamplingMethod { euler, dpmpp_2m, ddim };
// Which noise levels the steps pass through, --scheduler.
enum class SigmaSchedule { discrete, karras };

// Both with the names that stable-diffusion.cpp has for them, and the titles of AUTOMATIC1111's web UI.
template <class Value>
struct SchedulerChoice : Choice<Value> {
  const char* title;
};
inline constexpr SchedulerChoice<SamplingMethod> kSamplingMethods[] = {
    {{SamplingMethod::euler, "euler", "first order, as the published program"}, "Euler"},
    {{SamplingMethod::dpmpp_2m, "dpm++2m", "second order over two steps: 20 do what 50 of euler do"}, "DPM++ 2M"},
    {{SamplingMethod::ddim, "ddim", "first order, without noise"}, "DDIM"},
};
inline constexpr SchedulerChoice<SigmaSchedule> kSigmaSchedules[] = {
    {{SigmaSchedule::discrete, "discrete", "even in the training's steps"}, "Uniform"},
    {{SigmaSchedule::karras, "karras", "even in sigma^(1/7): more of the steps at little noise"}, "Karras"},
};

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
