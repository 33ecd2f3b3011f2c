// From betas to sigmas to the numbers of each step.
#include "diffusion/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace seedstory {
namespace {

// Noise against picture at every timestep of the training. f32 where torch uses f32 (betas, their product), so that
// sigmas agree to the last digits.
std::vector<double> train_sigmas(const SchedulerConfig& config) {
  const int64_t train = config.train_timesteps;
  std::vector<double> sigmas;
  const float first = float(std::sqrt(config.beta_start)), last = float(std::sqrt(config.beta_end));
  double alpha_product = 1;
  for (int64_t t = 0; t < train; ++t) {
    const float root = train == 1 ? first : float(first + double(last - first) * double(t) / double(train - 1));
    alpha_product *= double(1.0f - root * root);
    const double alpha = float(alpha_product);
    sigmas.push_back(std::sqrt((1 - alpha) / alpha));
  }
  return sigmas;
}

// Karras et al. 2022 (arXiv:2206.00364), equation 5 with rho 7.
std::vector<double> karras_sigmas(double most, double least, int64_t steps) {
  constexpr double kRho = 7;
  const double from = std::pow(most, 1 / kRho), to = std::pow(least, 1 / kRho);
  std::vector<double> sigmas;
  for (int64_t j = 0; j < steps; ++j) {
    const double at = steps == 1 ? 0 : double(j) / double(steps - 1);
    sigmas.push_back(std::pow(from + at * (to - from), kRho));
  }
  return sigmas;
}

// The timestep, not a whole one, at which the training had this sigma: linear in its logarithm.
double timestep_of(double sigma, const std::vector<double>& train) {
  if (train.size() == 1) return 0;
  const auto above = std::upper_bound(train.begin(), train.end(), sigma);
  const int64_t high = std::clamp<int64_t>(above - train.begin(), 1, int64_t(train.size()) - 1), low = high - 1;
  const double from = std::log(train[size_t(low)]), to = std::log(train[size_t(high)]);
  return double(low) + std::clamp((std::log(sigma) - from) / (to - from), 0.0, 1.0);
}

// The noise levels of the steps: timesteps and sigmas of the schedule.
void choose_levels(const SchedulerConfig& config, int64_t steps, SamplingMethod method, SigmaSchedule spacing,
                   Schedule& schedule) {
  const std::vector<double> train = train_sigmas(config);
  const auto sigma_at = [&](int64_t t) { return train[size_t(std::min(t, config.train_timesteps - 1))]; };
  const bool is_dpm = method == SamplingMethod::dpmpp_2m;
  // diffusers' DPM++ counts the end as a step here, and so begins below the other two.
  const int64_t stride = config.train_timesteps / (is_dpm ? steps + 1 : steps), first = is_dpm ? 1 : 0;
  std::vector<double> sigmas, timesteps;
  for (int64_t j = steps; j-- > 0;) {
    const int64_t t = (j + first) * stride + config.steps_offset;
    timesteps.push_back(double(t));
    sigmas.push_back(sigma_at(t));
  }
  if (spacing == SigmaSchedule::karras) {
    sigmas = is_dpm ? karras_sigmas(train.back(), train.front(), steps)
                    : karras_sigmas(sigmas.front(), sigmas.back(), steps);
    for (size_t j = 0; j < sigmas.size(); ++j) {
      const double t = timestep_of(sigmas[j], train);
      timesteps[j] = is_dpm ? std::nearbyint(t) : t;
    }
  }
  schedule.timesteps.assign(timesteps.begin(), timesteps.end());
  schedule.sigmas.assign(sigmas.begin(), sigmas.end());
  // DDIM takes a whole stride at its end too; where that leads to a timestep of the training, some noise stays.
  const int64_t behind = int64_t(timesteps.back()) - stride;
  schedule.sigmas.push_back(method == SamplingMethod::ddim && behind >= 0 ? float(sigma_at(behind)) : 0);
}

// What of a step is not about guidance: x <- x x + m m + history h.
struct Terms {
  double x, m, history = 0;
};

// d <- (x - x0) / sigma;  x <- x + d (next - sigma). EulerDiscreteScheduler without churn; x = picture + sigma noise.
// For v, d = x sigma / (sigma^2 + 1) + m / sqrt(sigma^2 + 1): without the cancellation in x - x0.
Terms euler_terms(Prediction prediction, double sigma, double next) {
  const double step = next - sigma, variance = sigma * sigma + 1;
  if (prediction == Prediction::epsilon) return {.x = 1, .m = step};
  return {.x = 1 + step * sigma / variance, .m = step / std::sqrt(variance)};
}

// For the other two x = alpha picture + sigma alpha noise, of variance 1.
double alpha_of(double sigma) {
  return 1 / std::sqrt(sigma * sigma + 1);
}

// x0, the picture that the model sees in x.
Terms denoised_terms(Prediction prediction, double sigma) {
  const double alpha = alpha_of(sigma);
  if (prediction == Prediction::epsilon) return {.x = 1 / alpha, .m = -sigma};
  return {.x = alpha, .m = -sigma * alpha};
}

// x <- alpha' x0 + sigma' alpha' noise. Song et al. 2020 (arXiv:2010.02502), equation 12 with eta 0.
Terms ddim_terms(Prediction prediction, double sigma, double next) {
  const double alpha = alpha_of(sigma), alpha_next = alpha_of(next);
  const Terms denoised = denoised_terms(prediction, sigma);
  const Terms noise = prediction == Prediction::epsilon ? Terms{.x = 0, .m = 1} : Terms{.x = sigma * alpha, .m = alpha};
  return {.x = alpha_next * (denoised.x + next * noise.x), .m = alpha_next * (denoised.m + next * noise.m)};
}

// x <- sigma' alpha' / (sigma alpha) x + alpha' (1 - sigma' / sigma) D, D = x0 + w (x0 - h), where h is the x0 of the
// step before. Lu et al. 2022 (arXiv:2211.01095), algorithm 2; `before` is the sigma of the step before, and 0 where D
// is x0 alone: at the first step, which has no h, and at the last, where w would be infinite.
Terms dpmpp_2m_terms(Prediction prediction, double before, double sigma, double next) {
  const Terms denoised = denoised_terms(prediction, sigma);
  const double w = before == 0 ? 0 : std::log(sigma / next) / std::log(before / sigma) / 2;
  const double of_d = alpha_of(next) * (1 - next / sigma);
  return {.x = next * alpha_of(next) / (sigma * alpha_of(sigma)) + of_d * (1 + w) * denoised.x,
          .m = of_d * (1 + w) * denoised.m,
          .history = -of_d * w};
}

Terms terms_of(SamplingMethod method, Prediction prediction, const std::vector<float>& sigmas, size_t j) {
  const double sigma = sigmas[j], next = sigmas[j + 1];
  switch (method) {
    case SamplingMethod::euler:
      return euler_terms(prediction, sigma, next);
    case SamplingMethod::ddim:
      return ddim_terms(prediction, sigma, next);
    case SamplingMethod::dpmpp_2m:
      return dpmpp_2m_terms(prediction, j == 0 || next == 0 ? 0 : sigmas[j - 1], sigma, next);
  }
  fail("make_schedule: no such sampling method");
}

}  // namespace

Schedule make_schedule(const SchedulerConfig& config, int64_t steps, SamplingMethod method, SigmaSchedule sigmas,
                       double guidance) {
  const bool is_dpm = method == SamplingMethod::dpmpp_2m, is_euler = method == SamplingMethod::euler;
  const int64_t most = config.train_timesteps - (is_dpm && sigmas == SigmaSchedule::discrete ? 1 : 0);
  if (steps < 1 || steps > most)
    fail_usage(fmt::format(
        "--steps {}: expected 1 to {}{}", steps, most,
        most < config.train_timesteps
            ? fmt::format(" with --sampling-method dpm++2m, {} with --scheduler karras too", config.train_timesteps)
            : ""));
  if (method == SamplingMethod::ddim && sigmas == SigmaSchedule::karras)
    fail_usage("--scheduler karras: is not for --sampling-method ddim; expected discrete");

  Schedule schedule;
  choose_levels(config, steps, method, sigmas, schedule);
  const double first = schedule.sigmas[0];
  schedule.init_noise_sigma = is_euler ? float(std::sqrt(first * first + 1)) : 1;
  schedule.has_history = is_dpm && steps > 2;
  // m = m_u + guidance (m_c - m_u)
  const auto uncond = [&](double m) { return float((1 - guidance) * m); };
  const auto cond = [&](double m) { return float(guidance * m); };
  for (size_t j = 0; j < size_t(steps); ++j) {
    const Terms step = terms_of(method, config.prediction, schedule.sigmas, j);
    const Terms kept = denoised_terms(config.prediction, schedule.sigmas[j]);
    schedule.steps.push_back(
        {.input = is_euler ? float(alpha_of(schedule.sigmas[j])) : 1,
         .latent = {.x = float(step.x), .uncond = uncond(step.m), .cond = cond(step.m), .history = float(step.history)},
         .history = {.x = float(kept.x), .uncond = uncond(kept.m), .cond = cond(kept.m)}});
  }
  return schedule;
}

}  // namespace seedstory
