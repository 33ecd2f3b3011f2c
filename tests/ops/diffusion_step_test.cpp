#include <array>
#include <cmath>

#include "ops/harness.h"
#include "seedstory/arena.h"

using namespace seedstory;

TEST_CASE("Sinusoid matches the oracle and the published values", "[ops]") {
  Inputs in(1);
  // An f32 angle near 1000 is off by some 1e-4 radians at worst; the magnitude is the angle, see the oracle.
  expect_matches_oracle(
      Sinusoid{.y = in.uninitialized(DType::f32, {5, 320}), .t = in.values(DType::f32, {5}, {0, 1, 21, 981, 1024})},
      {.sum = 0x1p-23, .abs = 0x1p-24});
  // Computed in double; an f32 angle, as torch takes it, is up to 7e-6 beside them.
  constexpr double kNear = 1e-5;
  const auto embedding = [&](double t, int64_t dim) {
    const Sinusoid op{.y = in.uninitialized(DType::f32, {1, dim}), .t = in.values(DType::f32, {1}, {t})};
    return oracle::result(*backends()[0], op);
  };
  const auto timestep = embedding(981, 320);
  struct {
    size_t index;
    double value;
  } at_981[] = {{0, 0.679957}, {1, -0.798430}, {159, 0.994606}, {160, 0.733252}, {161, 0.602088}, {319, 0.103726}};
  for (auto [index, value] : at_981) CHECK(std::fabs(timestep[index] - value) < kNear);
  const auto size = embedding(1024, 256);
  struct {
    size_t index;
    double value;
  } at_1024[] = {{0, 0.987354}, {1, -0.537610}, {127, 0.993952}, {128, -0.158533}, {129, -0.843193}, {255, 0.109818}};
  for (auto [index, value] : at_1024) CHECK(std::fabs(size[index] - value) < kNear);
  const auto zero = embedding(0, 8);
  CHECK(zero == std::vector<double>{1, 1, 1, 1, 0, 0, 0, 0});
}

namespace {

// A row a step: the model's input; x, uncond, cond, history; what the history becomes. Two guided Euler steps, one of
// DPM++ 2M, and one whose first columns are off.
const std::vector<double> kSteps = {0.0759, 1,    9.3875, -10.832, 0,      1,    1.5,   -2.5,   //
                                    1,      0.93, 0.45,   -0.52,   0,      1.02, -0.25, 0.125,  //
                                    1,      0.71, -1.2,   1.6,     -0.375, 1.5,  6.5,   -7.5,   //
                                    0,      0,    0,      1,       1,      0,    0,     1};

Tensor table(Inputs& in) {
  return in.values(DType::f32, {4, kStepColumns}, kSteps);
}

Tensor number(Inputs& in, double value) {
  return in.values(DType::i32, {1}, {value});
}

// The first channels of a deeper picture: no two pixels are neighbours.
Tensor apart(const Tensor& t, int64_t channels) {
  return t.slice(3, 0, channels);
}

}  // namespace

TEST_CASE("ScaleInput matches the oracle", "[ops]") {
  struct {
    int64_t n, copies, h, w, c;
    const char* why;
  } cases[] = {{1, 2, 9, 7, 4, "guidance"},
               {1, 1, 9, 7, 4, "no guidance"},
               {3, 2, 5, 2, 3, "three pictures"},
               {1, 2, 64, 64, 4, "more threads than one"},
               {0, 1, 4, 4, 4, "no picture"}};
  for (auto [n, copies, h, w, c, why] : cases)
    for (double step : {0.0, 1.0, 3.0}) {
      INFO(why << ", step " << step);
      Inputs in(1);
      expect_matches_oracle(ScaleInput{.y = in.uninitialized(DType::f32, {n * copies, h, w, c}),
                                       .x = in.normal(DType::f32, {n, h, w, c}, 10),
                                       .coefficients = table(in),
                                       .step = number(in, step)},
                            {.rel = 0x1p-24});
    }
  Inputs in(2);
  expect_matches_oracle(ScaleInput{.y = apart(in.uninitialized(DType::f32, {2, 3, 5, 8}), 4),
                                   .x = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                                   .coefficients = table(in),
                                   .step = number(in, 0)},
                        {.rel = 0x1p-24});
}

TEST_CASE("SchedulerStep matches the oracle", "[ops]") {
  constexpr Tolerance tolerance = {.sum = 4 * 0x1p-24};
  struct {
    int64_t n, copies, h, w, c;
    const char* why;
  } cases[] = {{1, 2, 9, 7, 4, "guidance"},
               {1, 1, 9, 7, 4, "no guidance: no column for the unconditional half"},
               {3, 2, 5, 2, 3, "three pictures: all unconditional halves come first"},
               {1, 2, 64, 64, 4, "more threads than one"},
               {0, 2, 4, 4, 4, "no picture"}};
  for (auto [n, copies, h, w, c, why] : cases)
    for (bool history : {false, true})
      for (double step : {0.0, 1.0, 2.0, 3.0}) {
        INFO(why << ", step " << step << (history ? ", history" : ""));
        Inputs in(1);
        expect_matches_oracle(SchedulerStep{.x = in.normal(DType::f32, {n, h, w, c}, 10),
                                            .m = in.normal(DType::f32, {n * copies, h, w, c}),
                                            .history = history ? in.normal(DType::f32, {n, h, w, c}) : Tensor{},
                                            .coefficients = table(in),
                                            .step = number(in, step)},
                              tolerance);
      }
  Inputs in(2);
  expect_matches_oracle(SchedulerStep{.x = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                                      .m = in.normal(DType::f32, {2, 3, 5, 4}),
                                      .history = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                                      .coefficients = table(in),
                                      .step = number(in, 2)},
                        tolerance);
}

TEST_CASE("a history without a coefficient is not read", "[ops]") {
  for (const auto& backend : backends()) {
    Inputs in(1);
    const SchedulerStep first{.x = in.normal(DType::f32, {1, 3, 5, 4}),
                              .m = in.normal(DType::f32, {2, 3, 5, 4}),
                              .history = in.uninitialized(DType::f32, {1, 3, 5, 4}),  // NaN
                              .coefficients = table(in),
                              .step = number(in, 0)};
    CHECK(oracle::mismatch(*backend, first, {.sum = 4 * 0x1p-24}) == "");
  }
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
  const auto exact = [](const ToPixels& op) { expect_matches_oracle(op, {}); };
  Inputs in(1);
  for (auto [h, w, c] : {std::array<int64_t, 3>{9, 7, 3}, {64, 96, 3}, {0, 4, 3}, {1, 1, 1}})
    exact({.y = in.uninitialized(DType::u8, {1, h, w, c}),
           .x = in.normal(DType::f32, {1, h, w, c}, 0.7),
           .bad = in.uninitialized(DType::i32, {1})});
  exact({.y = in.uninitialized(DType::u8, {2, 3, 5, 4}).slice(3, 0, 3),
         .x = in.normal(DType::f32, {2, 3, 5, 3}),
         .bad = in.uninitialized(DType::i32, {1})});

  const double nan = NAN, inf = INFINITY;
  const ToPixels odd{.y = in.uninitialized(DType::u8, {1, 1, 5, 3}),
                     .x = in.values(DType::f32, {1, 1, 5, 3},
                                    {-1, -2, 1, 1.5, 0, -0.0, inf, -inf, nan, 1e30, -1e30, 0.25, -0.25, 1e-8, 0.5}),
                     .bad = in.uninitialized(DType::i32, {1})};
  exact(odd);
  for (const auto& backend : backends()) {
    CHECK(oracle::result(*backend, odd, "bad") == std::vector<double>{3});
    const auto y = oracle::result(*backend, odd);
    CHECK(y[4] == 128);  // 127.5
    CHECK(std::vector<double>{y[0], y[1], y[2], y[3], y[6], y[7], y[8]} ==
          std::vector<double>{0, 0, 255, 255, 255, 0, 0});
  }
  // Every last place round every half.
  std::vector<double> halves;
  for (int i = 0; i < 255; ++i)
    for (float at : {float((i + 0.5) / 255 * 2 - 1)})
      for (float x : {std::nextafter(at, -2.0f), at, std::nextafter(at, 2.0f)}) halves.push_back(x);
  const auto count = int64_t(halves.size());
  exact({.y = in.uninitialized(DType::u8, {1, 1, count / 3, 3}),
         .x = in.values(DType::f32, {1, 1, count / 3, 3}, halves),
         .bad = in.uninitialized(DType::i32, {1})});
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
