#include "ops/cases/elementwise.h"

#include <cmath>

using namespace seedstory;

TEST_CASE("Add matches the oracle, with repeated axes", "[ops]") {
  for_add_cases(DType::f32, [](const Add& op) { expect_matches_oracle(op, {.rel = 0x1p-24}); });
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
  for_activate_cases(DType::f32, [](const Activate& op) {
    // The Error line of src/cpu/ops/elementwise.cpp.
    expect_matches_oracle(
        op, op.act == Activation::gelu ? Tolerance{.sum = 0x1p-23} : Tolerance{.rel = 0x1p-21, .abs = 0x1p-118});
  });
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
