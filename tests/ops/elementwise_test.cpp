#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

TEST_CASE("Add matches the oracle, with repeated axes", "[ops]") {
  struct {
    std::initializer_list<int64_t> b;
    const char* why;
  } cases[] = {
      {{2, 5, 7, 24}, "the same shape"}, {{1, 5, 7, 24}, "one for all pictures"}, {{2, 1, 1, 24}, "one a picture"},
      {{1, 1, 7, 24}, "one a column"},   {{2, 5, 7, 1}, "one a pixel"},           {{1, 1, 1, 1}, "one number"},
  };
  for (auto [b, why] : cases) {
    INFO(why);
    Inputs in(1);
    const Tensor a = in.normal(DType::f32, {2, 5, 7, 24}), other = in.normal(DType::f32, b);
    expect_matches_oracle(Add{.y = in.uninitialized(DType::f32, {2, 5, 7, 24}), .a = a, .b = other}, {.rel = 0x1p-24});
    expect_matches_oracle(Add{.y = a, .a = a, .b = other}, {.rel = 0x1p-24});
  }
  Inputs in(2);
  INFO("views, and enough work for several threads");
  expect_matches_oracle(Add{.y = in.uninitialized(DType::f32, {900, 64}).slice(1, 8, 58),
                            .a = in.normal(DType::f32, {900, 51}).slice(1, 1, 51),
                            .b = in.normal(DType::f32, {900, 80}).slice(1, 0, 50)},
                        {.rel = 0x1p-24});
}

TEST_CASE("Add says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const Add good{.y = f32({3, 8}), .a = f32({3, 8}), .b = f32({1, 8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &Add::a, {}) == "Add: a is absent, expected (...)");
  CHECK(complaint(good, &Add::b, {}) == "Add: b is absent, expected f32(3, 8)");
  CHECK(complaint(good, &Add::b, f32({2, 8})) == "Add: b is f32(2, 8), expected f32(3, 8), or 1 per axis");
  CHECK(complaint(good, &Add::b, f32({8})) == "Add: b is f32(8), expected f32(3, 8), or 1 per axis");
  CHECK(complaint(good, &Add::y, f32({1, 8})) == "Add: y is f32(1, 8), expected f32(3, 8)");
}

TEST_CASE("Activate matches the oracle over the whole range", "[ops]") {
  std::vector<double> values;
  for (int i = -4000; i <= 4000; ++i) values.push_back(i * 0.005 + i * 1e-6);
  for (double v : {0.0, -0.0, 1e-30, -1e-30, 1e-40, 88.0, -88.0, 104.0, -104.0, 1e10, -1e10, 3e38, -3e38})
    values.push_back(v);
  const int64_t count = int64_t(values.size());
  for (Activation act : {Activation::none, Activation::gelu, Activation::silu}) {
    INFO("activation " << int(act));
    Inputs in(1);
    const Tensor x = in.values(DType::f32, {1, count}, values);
    // The Error line of src/cpu/ops/elementwise.cpp.
    const Tolerance tolerance =
        act == Activation::gelu ? Tolerance{.sum = 0x1p-23} : Tolerance{.rel = 0x1p-21, .abs = 0x1p-118};
    expect_matches_oracle(Activate{.y = in.uninitialized(DType::f32, {1, count}), .x = x, .act = act}, tolerance);
    expect_matches_oracle(Activate{.y = x, .x = x, .act = act}, tolerance);
  }
}

TEST_CASE("Activate passes NaN and infinity on", "[ops]") {
  for (Activation act : {Activation::none, Activation::gelu, Activation::silu}) {
    Inputs in(1);
    const Tensor x = in.values(DType::f32, {1, 2}, {NAN, INFINITY});
    for (const auto& backend : backends()) {
      const auto y = oracle::result(*backend, Activate{.y = in.uninitialized(DType::f32, {1, 2}), .x = x, .act = act});
      CHECK(std::isnan(y[0]));
      CHECK(y[1] == INFINITY);
    }
  }
}

// A value may not depend on its place: in a vector, in the tail after the last whole one, or in another thread.
TEST_CASE("Activate gives the same bits at any place", "[ops]") {
  for (Activation act : {Activation::gelu, Activation::silu})
    for (double value : {0.3, -1.7, 2.9, -5.3}) {
      Inputs in(1);
      const Tensor x = in.values(DType::f32, {37, 1031}, std::vector<double>(37 * 1031, value));
      for (const auto& backend : backends()) {
        const auto y =
            oracle::result(*backend, Activate{.y = in.uninitialized(DType::f32, {37, 1031}), .x = x, .act = act});
        CHECK(y == std::vector<double>(37 * 1031, y[0]));
      }
    }
}

TEST_CASE("Activate says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  CHECK(complaint(Activate{.y = f32({2, 7}), .x = f32({2, 8})}) == "Activate: y is f32(2, 7), expected f32(2, 8)");
  CHECK(complaint(Activate{.y = f32({2, 7})}) == "Activate: x is absent, expected (...)");
  CHECK(complaint(Activate{.y = f32({2}), .x = in.integers({2}, 5)}) ==
        "Activate: x is i32(2), expected f32, f16 or bf16");
}
