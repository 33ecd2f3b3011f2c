// Timesteps, sigmas and coefficients of every sampling method; diffusers made the values.
#include "diffusion/schedule.h"

#include <nlohmann/json.hpp>

#include "golden.h"
#include "io/file.h"

using namespace seedstory;

TEST_CASE("fifty steps have SDXL's timesteps and sigmas", "[schedule]") {
  const Schedule s = make_schedule({}, 50);
  CHECK(s.timesteps.front() == 981);
  CHECK(s.timesteps.back() == 1);
  REQUIRE(s.sigmas.size() == 51);
  const std::pair<int, double> known[] = {
      {0, 13.120411}, {1, 11.676046}, {25, 1.519217}, {48, 0.141463}, {49, 0.041314}};
  for (const auto& [step, sigma] : known) CHECK(std::abs(s.sigmas[step] - sigma) < 1e-6 * std::max(1.0, sigma));
  CHECK(s.sigmas[50] == 0);
  CHECK(std::abs(s.init_noise_sigma - 13.158469) < 1e-5);
}

TEST_CASE("steps outside the training schedule are a usage error", "[schedule]") {
  CHECK_THROWS_WITH(make_schedule({}, 0), "--steps 0: expected 1 to 1000");
  CHECK_THROWS_WITH(make_schedule({}, 1001), "--steps 1001: expected 1 to 1000");
  CHECK(make_schedule({}, 1000).timesteps.front() == 1000);  // as diffusers: one past the last trained
  // Its end is a step too.
  const auto dpm = SamplingMethod::dpmpp_2m;
  CHECK_THROWS_WITH(make_schedule({}, 1000, dpm),
                    "--steps 1000: expected 1 to 999 with --sampling-method dpm++2m, 1000 with --scheduler karras too");
  CHECK(make_schedule({}, 1000, dpm, SigmaSchedule::karras).steps.size() == 1000);
  CHECK_THROWS_WITH(make_schedule({}, 20, SamplingMethod::ddim, SigmaSchedule::karras),
                    "--scheduler karras: is not for --sampling-method ddim; expected discrete");
}

TEST_CASE("timesteps and sigmas equal diffusers'", "[schedule][golden]") {
  if (!have_golden()) return;
  const auto golden = open_weights(golden_dir() / "primitives.safetensors");
  const auto numbers = nlohmann::json::parse(read_text_file(golden_dir() / "primitives.json"));
  for (int steps : {1, 4, 8, 20, 30, 50}) {
    const Schedule s = make_schedule({}, steps);
    const std::string name = fmt::format("euler.{}.", steps);
    INFO(name);
    CHECK(relative_error(golden_tensor(*golden, name + "timesteps"), s.timesteps.data()) == 0);
    CHECK(relative_error(golden_tensor(*golden, name + "sigmas"), s.sigmas.data()) <= 1e-5);
    CHECK(std::abs(s.init_noise_sigma / numbers.at(name + "init_noise_sigma").get<double>() - 1) <= 1e-5);
  }
}

namespace {

// Where steps of a schedule lead one number from `start`, when the model is one that knows the picture: 0.3.
double walked(const SchedulerConfig& config, const Schedule& s, bool is_scaled, double start, bool guided) {
  double x = start * s.init_noise_sigma, h = NAN;
  for (size_t j = 0; j < s.steps.size(); ++j) {
    const StepCoefficients& c = s.steps[j];
    const double sigma = s.sigmas[j], alpha = 1 / std::sqrt(sigma * sigma + 1);
    const double in = is_scaled ? x * alpha : x;  // of variance 1
    CHECK(std::abs(c.input * x - in) <= 1e-6 * std::abs(in));
    const double noise = (in - alpha * 0.3) / (sigma * alpha);
    const double cond = config.prediction == Prediction::epsilon ? noise : alpha * noise - sigma * alpha * 0.3;
    const double uncond = guided ? cond : 1e6;  // without guidance it counts nothing
    const double kept = c.latent.history == 0 ? 0 : c.latent.history * h;
    const double next = c.latent.x * x + c.latent.uncond * uncond + c.latent.cond * cond + kept;
    h = c.history.x * x + c.history.uncond * uncond + c.history.cond * cond;
    if (!is_scaled) CHECK(std::abs(h - 0.3) < 1e-4 * (1 + sigma));
    x = next;
  }
  return x;
}

}  // namespace

TEST_CASE("every method walks to the picture that the model sees", "[schedule]") {
  for (const Prediction prediction : {Prediction::epsilon, Prediction::v})
    for (const auto& method : kSamplingMethods)
      for (const auto& spacing : kSigmaSchedules)
        for (const double guidance : {1.0, 7.5})
          for (const int64_t steps : {1, 2, 3, 20}) {
            if (method.value == SamplingMethod::ddim && spacing.value == SigmaSchedule::karras) continue;
            INFO(method.name << " " << spacing.name << " guidance " << guidance << " steps " << steps);
            const SchedulerConfig config{.prediction = prediction};
            const Schedule s = make_schedule(config, steps, method.value, spacing.value, guidance);
            const bool is_euler = method.value == SamplingMethod::euler;
            CHECK(std::abs(walked(config, s, is_euler, 1.7, guidance != 1) - 0.3) < 1e-3);
            CHECK(s.has_history == (method.value == SamplingMethod::dpmpp_2m && steps > 2));
            for (const StepCoefficients& c : s.steps) {
              CHECK((guidance == 1) == (c.latent.uncond == 0));
              if (!s.has_history) CHECK(c.latent.history == 0);
            }
            CHECK(s.steps.front().latent.history == 0);  // nothing was kept yet
          }
}

// DDIM without noise is Euler's step in other variables: the same path, the same pictures but for rounding.
TEST_CASE("DDIM takes Euler's path", "[schedule]") {
  const Schedule euler = make_schedule({}, 20), ddim = make_schedule({}, 20, SamplingMethod::ddim);
  CHECK(euler.timesteps == ddim.timesteps);
  CHECK(euler.sigmas == ddim.sigmas);
  double x = 1.7 * euler.init_noise_sigma, y = 1.7;
  for (size_t j = 0; j < 20; ++j) {
    const double m = std::sin(double(j)), sigma = euler.sigmas[j + 1];
    x = euler.steps[j].latent.x * x + euler.steps[j].latent.cond * m;
    y = ddim.steps[j].latent.x * y + ddim.steps[j].latent.cond * m;
    CHECK(std::abs(y * std::sqrt(sigma * sigma + 1) - x) < 1e-5);
  }
}
