// The schedules and the steps of the denoiser against diffusers' schedulers.
#include "reference.h"

#include "cpu/cpu_backend.h"
#include "diffusion/schedule.h"

using namespace seedstory;

TEST_CASE("schedules of any length agree with diffusers", "[schedule][reference]") {
  const struct {
    const char* name;
    SchedulerConfig config;
    std::vector<int> steps;
  } cases[] = {
      {"sdxl", {}, {1, 2, 3, 7, 12, 20, 30, 50, 333, 999, 1000}},
      {"short", {.train_timesteps = 100, .beta_start = 0.002, .beta_end = 0.05, .steps_offset = 0}, {1, 6, 100}},
  };
  const auto file = open_weights(reference_file("euler.safetensors"));
  for (const auto& [name, config, counts] : cases)
    for (int steps : counts) {
      const Schedule s = make_schedule(config, steps);
      const auto want = [&, name = name](const char* what) {
        return file->find(fmt::format("{}.{}.{}", name, steps, what))->values;
      };
      INFO(name << ", " << steps << " steps");
      expect_close("timesteps", want("timesteps"), s.timesteps, 0);
      expect_close("sigmas", want("sigmas"), s.sigmas, 1e-5);
      expect_close("init_noise_sigma", want("init_noise_sigma"), {s.init_noise_sigma}, 1e-5);
    }
}

namespace {

// A guided walk of diffusers', step by step on the CPU: what goes into the model, and the latent that comes of what it
// says.
void expect_walk(const TensorSource& file, const std::string& name, const Schedule& s, size_t from = 0) {
  INFO(name);
  const auto want = [&](const std::string& what) { return file.find(name + "." + what)->values; };
  const auto be = make_cpu_backend(1);
  NanArena arena(*be, 1 << 17);
  const std::string start = from == 0 ? "start" : std::to_string(from - 1) + ".latent";
  const Tensor x = put_map(*be, arena, want(start)), history = s.has_history ? arena.like(x) : Tensor{};
  const auto steps = int64_t(s.steps.size());
  const Tensor coefficients = arena.make(DType::f32, {steps, kStepColumns});
  be->upload(coefficients, s.steps.data());
  const Tensor step = put(*be, arena, std::vector<int32_t>{int32_t(from)});
  for (int64_t j = int64_t(from); j < steps; ++j) {
    INFO("step " << j);
    Arena::Scope scope(arena);
    const std::string at = std::to_string(j) + ".";
    const Tensor m = put_map(*be, arena, want(at + "model")), input = arena.like(m);
    be->run(ScaleInput{.y = input, .x = x, .coefficients = coefficients, .step = step});
    expect_close("model input", want(at + "input"), download_map(*be, input), 2e-5);
    be->run(SchedulerStep{.x = x, .m = m, .history = history, .coefficients = coefficients, .step = step});
    expect_close("latent", want(at + "latent"), download_map(*be, x), 2e-5);
  }
}

}  // namespace

TEST_CASE("guided Euler steps agree with diffusers", "[schedule][reference]") {
  const auto file = open_weights(reference_file("euler.safetensors"));
  const auto euler = [](Prediction prediction, int64_t steps, double guidance) {
    return make_schedule({.prediction = prediction}, steps, SamplingMethod::euler, SigmaSchedule::discrete, guidance);
  };
  expect_walk(*file, "walk.epsilon", euler(Prediction::epsilon, 4, 7.5));
  expect_walk(*file, "walk.v_prediction", euler(Prediction::v, 6, 2.5));
}

TEST_CASE("DPM++ 2M, DDIM and Karras sigmas agree with diffusers", "[schedule][reference]") {
  const auto file = open_weights(reference_file("schedulers.safetensors"));
  const double guidance = file->find("guidance")->values.as<float>()[0];
  int walks = 0;
  for (const auto& method : kSamplingMethods)
    for (const auto& spacing : kSigmaSchedules) {
      const std::string name = fmt::format("{}.{}.", method.name, spacing.name);
      for (int steps : {1, 2, 3, 10, 20, 25, 30, 50, 333, 999}) {
        const std::string levels = fmt::format("levels.{}{}.", name, steps);
        const auto timesteps = file->find(levels + "timesteps"), sigmas = file->find(levels + "sigmas");
        if (!timesteps) continue;
        INFO(levels);
        const Schedule s = make_schedule({}, steps, method.value, spacing.value);
        // Whole ones are whole; where they are not, torch takes their logarithms in f32.
        const bool is_whole = spacing.value == SigmaSchedule::discrete || method.value == SamplingMethod::dpmpp_2m;
        expect_close("timesteps", timesteps->values, s.timesteps, is_whole ? 0 : 1e-5);
        if (sigmas) expect_close("sigmas", sigmas->values, s.sigmas, 1e-5);
      }
      for (const auto& [prediction, of] : {std::pair{"epsilon", Prediction::epsilon}, {"v_prediction", Prediction::v}})
        for (int steps : {1, 2, 5, 16}) {
          const std::string walk = fmt::format("walk.{}{}.{}", name, prediction, steps);
          if (!file->find(walk + ".start")) continue;
          ++walks;
          expect_walk(*file, walk, make_schedule({.prediction = of}, steps, method.value, spacing.value, guidance));
        }
    }
  CHECK(walks == 32);
  expect_walk(*file, "walk.ddim.discrete.epsilon.999",
              make_schedule({}, 999, SamplingMethod::ddim, SigmaSchedule::discrete, guidance), 998);
}
