// The schedule and the steps of the denoiser against diffusers' EulerDiscreteScheduler.
#include "reference.h"

#include "cpu/cpu_backend.h"
#include "story/schedule.h"

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

TEST_CASE("guided Euler steps agree with diffusers", "[schedule][reference]") {
  const struct {
    const char* name;
    Prediction prediction;
    int steps;
    float guidance;
  } cases[] = {
      {"epsilon", Prediction::epsilon, 4, 7.5f},
      {"v_prediction", Prediction::v, 6, 2.5f},
  };
  const auto file = open_weights(reference_file("euler.safetensors"));
  const auto be = make_cpu_backend(1);
  for (const auto& [name, prediction, steps, guidance] : cases) {
    INFO(name);
    const auto want = [&, name = name](const std::string& what) {
      return file->find(fmt::format("walk.{}.{}", name, what))->values;
    };
    const Schedule s = make_schedule({.prediction = prediction}, steps);
    NanArena arena(*be, 1 << 16);
    const Tensor x = put_map(*be, arena, want("start")), sigma = arena.make(DType::f32, {2});
    for (int j = 0; j < steps; ++j) {
      const std::string step = std::to_string(j) + ".";
      be->upload(sigma, &s.sigmas[size_t(j)]);
      const Tensor m = put_map(*be, arena, want(step + "model")), input = arena.like(m);
      be->run(ScaleModelInput{.y = input, .x = x, .sigma = sigma});
      expect_close("model input", want(step + "input"), download_map(*be, input), 2e-5);
      be->run(EulerStep{.x = x, .m = m, .sigma = sigma, .guidance = guidance, .prediction = prediction});
      expect_close("latent", want(step + "latent"), download_map(*be, x), 2e-5);
    }
  }
}
