#include "ops/cases/diffusion_step.h"

#include <cmath>

#include "seedstory/arena.h"

using namespace seedstory;

TEST_CASE("Sinusoid matches the oracle and the published values", "[ops]") {
  // An f32 angle near 1000 is off by some 1e-4 radians at worst; the magnitude is the angle, see the oracle.
  for_sinusoid_cases(DType::f32,
                     [](const Sinusoid& op) { expect_matches_oracle(op, {.sum = 0x1p-23, .abs = 0x1p-24}); });
  for (const auto& backend : backends()) expect_published_sinusoids(*backend);
  Inputs in(1);
  const Sinusoid zero{.y = in.uninitialized(DType::f32, {1, 8}), .t = in.values(DType::f32, {1}, {0})};
  CHECK(oracle::result(*backends()[0], zero) == std::vector<double>{1, 1, 1, 1, 0, 0, 0, 0});
}

TEST_CASE("ScaleInput matches the oracle", "[ops]") {
  for_scale_input_cases(DType::f32, [](const ScaleInput& op) { expect_matches_oracle(op, {.rel = 0x1p-24}); });
}

TEST_CASE("SchedulerStep matches the oracle", "[ops]") {
  for_scheduler_step_cases(DType::f32,
                           [](const SchedulerStep& op) { expect_matches_oracle(op, {.sum = 4 * 0x1p-24}); });
}

TEST_CASE("a history without a coefficient is not read", "[ops]") {
  for_unread_history_cases([](const SchedulerStep& op) { expect_matches_oracle(op, {.sum = 4 * 0x1p-24}); });
}

// The step itself says which row the next one reads.
TEST_CASE("steps in sequence need nothing from the host", "[ops]") {
  constexpr size_t kPixels = 60;
  for (const auto& backend : backends()) {
    Inputs in(3);
    const Tensor m_host = in.normal(DType::f32, {2, 3, 5, 4});
    std::vector<double> x(kPixels, 0.5), h(kPixels, 0), m = oracle::read(m_host);
    for (int64_t step = 0; step < 4; ++step)
      for (size_t i = 0; i < kPixels; ++i) {
        const double* c = &kSteps[size_t(step * kStepColumns)];
        const double old = x[i], seen = m[kPixels + i] + c[0] * old;  // a model that adds its input
        x[i] = c[1] * old + c[2] * m[i] + c[3] * seen + c[4] * h[i];
        h[i] = c[5] * old + c[6] * m[i] + c[7] * seen;
      }

    Arena arena(*backend, 1 << 14);
    const auto put = [&](const Tensor& host) {
      const Tensor t = arena.like(host);
      backend->upload(t, host.data);
      return t;
    };
    const Tensor latent = put(in.values(DType::f32, {1, 3, 5, 4}, std::vector<double>(kPixels, 0.5)));
    const Tensor model = put(m_host), coefficients = put(table(in)), step = put(number(in, 0));
    const Tensor both = arena.like(model), sum = arena.like(model), history = arena.like(latent);
    for (int j = 0; j < 4; ++j) {
      backend->run(ScaleInput{.y = both, .x = latent, .coefficients = coefficients, .step = step});
      backend->run(Add{.y = sum, .a = model, .b = both});
      backend->run(Convert{.y = sum.slice(0, 0, 1), .x = model.slice(0, 0, 1)});
      backend->run(
          SchedulerStep{.x = latent, .m = sum, .history = history, .coefficients = coefficients, .step = step});
    }
    std::vector<float> got(kPixels);
    int32_t steps = 0;
    backend->download(got.data(), latent);
    backend->download(&steps, step);
    CHECK(steps == 4);
    for (size_t i = 0; i < kPixels; ++i) CHECK(std::fabs(got[i] - x[i]) < 1e-4);
  }
}

TEST_CASE("ToPixels rounds half to even and counts what is not finite", "[ops]") {
  for_to_pixels_cases(DType::f32, [](const ToPixels& op) { expect_matches_oracle(op, {}); });
  Inputs in(1);
  const double nan = NAN, inf = INFINITY;
  const ToPixels odd{.y = in.uninitialized(DType::u8, {1, 1, 5, 3}),
                     .x = in.values(DType::f32, {1, 1, 5, 3},
                                    {-1, -2, 1, 1.5, 0, -0.0, inf, -inf, nan, 1e30, -1e30, 0.25, -0.25, 1e-8, 0.5}),
                     .bad = in.uninitialized(DType::i32, {1})};
  for (const auto& backend : backends()) {
    CHECK(oracle::result(*backend, odd, "bad") == std::vector<double>{3});
    const auto y = oracle::result(*backend, odd);
    CHECK(y[4] == 128);  // 127.5
    CHECK(std::vector<double>{y[0], y[1], y[2], y[3], y[6], y[7], y[8]} ==
          std::vector<double>{0, 0, 255, 255, 255, 0, 0});
  }
}

TEST_CASE("Ops of the denoiser say what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  CHECK(complaint(Sinusoid{.y = f32({2, 7}), .t = f32({2})}) == "Sinusoid: dim is 7, expected a multiple of 2");
  CHECK(complaint(Sinusoid{.y = f32({2, 8}), .t = f32({3})}) == "Sinusoid: t is f32(3), expected (2)");
  CHECK(complaint(Sinusoid{.y = f32({2, 8}), .t = in.integers({2}, 9)}) == "Sinusoid: t is i32(2), expected f32(2)");

  const Tensor coefficients = f32({4, 8}), at = in.uninitialized(DType::i32, {1});
  const ScaleInput scale{.y = f32({2, 4, 5, 4}), .x = f32({1, 4, 5, 4}), .coefficients = coefficients, .step = at};
  CHECK(complaint(scale) == "");
  CHECK(complaint(scale, &ScaleInput::y, f32({1, 4, 5, 4})) == "");
  CHECK(complaint(scale, &ScaleInput::y, f32({3, 4, 5, 4})) ==
        "ScaleInput: y is f32(3, 4, 5, 4), expected (2, 4, 5, 4)");
  CHECK(complaint(scale, &ScaleInput::x, in.uninitialized(DType::f16, {1, 4, 5, 4})) ==
        "ScaleInput: x is f16(1, 4, 5, 4), expected f32(1, 4, 5, 4)");
  CHECK(complaint(scale, &ScaleInput::coefficients, f32({4, 7})) ==
        "ScaleInput: coefficients is f32(4, 7), expected (4, 8)");
  CHECK(complaint(scale, &ScaleInput::coefficients, f32({0, 8})) ==
        "ScaleInput: coefficients is f32(0, 8), expected at least 1 in axis 0");
  CHECK(complaint(scale, &ScaleInput::step, f32({1})) == "ScaleInput: step is f32(1), expected i32(1)");

  const SchedulerStep step{
      .x = f32({1, 4, 5, 4}), .m = f32({2, 4, 5, 4}), .history = {}, .coefficients = coefficients, .step = at};
  CHECK(complaint(step) == "");
  CHECK(complaint(step, &SchedulerStep::m, f32({1, 4, 5, 4})) == "");
  CHECK(complaint(step, &SchedulerStep::m, f32({2, 4, 5, 3})) ==
        "SchedulerStep: m is f32(2, 4, 5, 3), expected (2, 4, 5, 4)");
  CHECK(complaint(step, &SchedulerStep::x, in.uninitialized(DType::f16, {1, 4, 5, 4})) ==
        "SchedulerStep: x is f16(1, 4, 5, 4), expected f32(1, 4, 5, 4)");
  CHECK(complaint(step, &SchedulerStep::history, f32({2, 4, 5, 4})) ==
        "SchedulerStep: history is f32(2, 4, 5, 4), expected f32(1, 4, 5, 4)");
  CHECK(complaint(step, &SchedulerStep::step, in.uninitialized(DType::i32, {2})) ==
        "SchedulerStep: step is i32(2), expected (1)");
  CHECK(complaint(step, &SchedulerStep::coefficients, {}) ==
        "SchedulerStep: coefficients is absent, expected f32(steps, 8)");

  const ToPixels pixels{.y = in.uninitialized(DType::u8, {1, 4, 5, 3}), .x = f32({1, 4, 5, 3}), .bad = at};
  CHECK(complaint(pixels) == "");
  CHECK(complaint(pixels, &ToPixels::y, f32({1, 4, 5, 3})) ==
        "ToPixels: y is f32(1, 4, 5, 3), expected u8(1, 4, 5, 3)");
  CHECK(complaint(pixels, &ToPixels::bad, {}) == "ToPixels: bad is absent, expected i32(1)");
}
