#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

TEST_CASE("Sinusoid matches the oracle and the published values", "[ops]") {
  Inputs in(1);
  // An f32 angle near 1000 is off by some 1e-4 radians at worst; the magnitude is the angle, see the oracle.
  expect_matches_oracle(
      Sinusoid{.y = in.room(DType::f32, {5, 320}), .t = in.values(DType::f32, {5}, {0, 1, 21, 981, 1024})},
      {.sum = 0x1p-23, .abs = 0x1p-24});
  // Computed in double; an f32 angle, as torch takes it, is up to 7e-6 beside them.
  constexpr double kNear = 1e-5;
  const auto embedding = [&](double t, int64_t dim) {
    const Sinusoid op{.y = in.room(DType::f32, {1, dim}), .t = in.values(DType::f32, {1}, {t})};
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

TEST_CASE("ScaleModelInput matches the oracle", "[ops]") {
  for (double sigma : {0.0, 0.041314, 13.120411}) {
    Inputs in(1);
    expect_matches_oracle(ScaleModelInput{.y = in.room(DType::f32, {2, 9, 7, 4}),
                                          .x = in.normal(DType::f32, {1, 9, 7, 4}, 10),
                                          .sigma = in.values(DType::f32, {2}, {sigma, 0})},
                          {.rel = 3 * 0x1p-24});
  }
}

TEST_CASE("EulerStep matches the oracle", "[ops]") {
  for (Prediction prediction : {Prediction::epsilon, Prediction::v})
    for (auto [from, to] : {std::pair{13.120411, 11.676046}, std::pair{0.041314, 0.0}})
      for (float guidance : {1.0f, 7.5f}) {
        INFO("from " << from << ", guidance " << guidance << ", prediction " << int(prediction));
        Inputs in(1);
        expect_matches_oracle(EulerStep{.x = in.normal(DType::f32, {1, 9, 7, 4}, 10),
                                        .m = in.normal(DType::f32, {2, 9, 7, 4}),
                                        .sigma = in.values(DType::f32, {2}, {from, to}),
                                        .guidance = guidance,
                                        .prediction = prediction},
                              {.sum = 0x1p-21});
      }
}

TEST_CASE("Ops of the denoiser say what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.room(DType::f32, dims); };
  CHECK(complaint(Sinusoid{.y = f32({2, 7}), .t = f32({2})}) == "Sinusoid: dim is 7, expected a multiple of 2");
  CHECK(complaint(Sinusoid{.y = f32({2, 8}), .t = f32({3})}) == "Sinusoid: t is f32(3), expected (2)");
  CHECK(complaint(Sinusoid{.y = f32({2, 8}), .t = in.integers({2}, 9)}) == "Sinusoid: t is i32(2), expected f32(2)");

  const ScaleModelInput scale{.y = f32({2, 4, 5, 4}), .x = f32({1, 4, 5, 4}), .sigma = f32({2})};
  CHECK(complaint(scale) == "");
  CHECK(complaint(scale, &ScaleModelInput::x, f32({2, 4, 5, 4})) ==
        "ScaleModelInput: x is f32(2, 4, 5, 4), expected (1, 4, 5, 4)");
  CHECK(complaint(scale, &ScaleModelInput::y, f32({1, 4, 5, 4})) ==
        "ScaleModelInput: y is f32(1, 4, 5, 4), expected (2, 4, 5, 4)");
  CHECK(complaint(scale, &ScaleModelInput::sigma, f32({1})) == "ScaleModelInput: sigma is f32(1), expected (2)");

  const EulerStep step{.x = f32({1, 4, 5, 4}), .m = f32({2, 4, 5, 4}), .sigma = f32({2})};
  CHECK(complaint(step) == "");
  CHECK(complaint(step, &EulerStep::m, f32({1, 4, 5, 4})) == "EulerStep: m is f32(1, 4, 5, 4), expected (2, 4, 5, 4)");
  CHECK(complaint(step, &EulerStep::x, in.room(DType::f16, {1, 4, 5, 4})) ==
        "EulerStep: x is f16(1, 4, 5, 4), expected f32(1, 4, 5, 4)");
  CHECK(complaint(step, &EulerStep::sigma, {}) == "EulerStep: sigma is absent, expected f32(2)");
}
