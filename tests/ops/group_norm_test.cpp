#include "ops/harness.h"

using namespace seedstory;

// The Error line of src/cpu/ops/group_norm.cpp.
constexpr Tolerance kTolerance{.sum = 0x1p-21};

TEST_CASE("GroupNorm matches the oracle", "[ops]") {
  struct {
    int64_t n, h, w, c;
    int groups;
    const char* why;
  } cases[] = {
      {2, 8, 8, 64, 16, "nano's UNet"},          {1, 16, 16, 32, 8, "nano's VAE"},
      {2, 3, 5, 320, 32, "groups of ten"},       {1, 2, 2, 96, 32, "groups of three"},
      {1, 40, 40, 16, 1, "one group"},           {1, 4, 4, 24, 24, "a group a channel"},
      {1, 1, 1, 8, 8, "one number: variance 0"}, {0, 4, 4, 32, 8, "no pictures"},
      {2, 16, 16, 8, 4, "two pixels as one"},    {1, 20, 24, 24, 8, "and with more channels"},
      {1, 5, 7, 8, 8, "an odd number of them"},  {1, 16, 32, 3, 3, "sixteen as one"},
  };
  for (auto [n, h, w, c, groups, why] : cases)
    for (Activation act : {Activation::none, Activation::silu, Activation::gelu})
      for (bool shift : {false, true}) {
        INFO(why << (shift ? ", with shift" : "") << ", activation " << int(act));
        Inputs in(1);
        expect_matches_oracle(GroupNorm{.y = in.uninitialized(DType::f32, {n, h, w, c}),
                                        .x = in.normal(DType::f32, {n, h, w, c}),
                                        .w = in.normal(DType::f32, {c}),
                                        .b = in.normal(DType::f32, {c}),
                                        .shift = shift ? in.normal(DType::f32, {n, c}) : Tensor{},
                                        .groups = groups,
                                        .act = act},
                              kTolerance);
      }
}

TEST_CASE("GroupNorm keeps its accuracy far from zero, in place and in views", "[ops]") {
  Inputs in(1);
  std::vector<double> values;
  for (int i = 0; i < 36 * 16; ++i) values.push_back(500 + i % 5);
  const Tensor x = in.values(DType::f32, {1, 6, 6, 16}, values);
  const Tensor w = in.normal(DType::f32, {16}), b = in.normal(DType::f32, {16});
  expect_matches_oracle(GroupNorm{.y = x, .x = x, .w = w, .b = b, .groups = 4}, kTolerance);
  expect_matches_oracle(GroupNorm{.y = in.uninitialized(DType::f32, {2, 3, 3, 20}).slice(3, 4, 20),
                                  .x = in.normal(DType::f32, {2, 3, 3, 48}).slice(3, 16, 32),
                                  .w = w,
                                  .b = b,
                                  .groups = 2},
                        kTolerance);
}

TEST_CASE("GroupNorm gives the same bits for any number of threads", "[ops]") {
  for (int64_t size : {7, 64}) {
    Inputs in(1);
    const GroupNorm op{.y = in.uninitialized(DType::f32, {1, size, size, 48}),
                       .x = in.normal(DType::f32, {1, size, size, 48}),
                       .w = in.normal(DType::f32, {48}),
                       .b = in.normal(DType::f32, {48}),
                       .groups = 16,
                       .act = Activation::silu};
    const auto first = oracle::result(*backends()[0], op);
    for (const auto& backend : backends()) CHECK(oracle::result(*backend, op) == first);
  }
}

TEST_CASE("GroupNorm says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const GroupNorm good{
      .y = f32({2, 4, 4, 8}), .x = f32({2, 4, 4, 8}), .w = f32({8}), .b = f32({8}), .shift = f32({2, 8}), .groups = 4};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &GroupNorm::x, f32({2, 16, 8})) == "GroupNorm: x is f32(2, 16, 8), expected (n, h, w, c)");
  CHECK(complaint(good, &GroupNorm::y, f32({1, 4, 4, 8})) ==
        "GroupNorm: y is f32(1, 4, 4, 8), expected f32(2, 4, 4, 8)");
  CHECK(complaint(good, &GroupNorm::w, f32({4})) == "GroupNorm: w is f32(4), expected (8)");
  CHECK(complaint(good, &GroupNorm::b, f32({4})) == "GroupNorm: b is f32(4), expected (8)");
  CHECK(complaint(good, &GroupNorm::shift, f32({1, 8})) == "GroupNorm: shift is f32(1, 8), expected (2, 8)");
  GroupNorm op = good;
  op.groups = 3;
  CHECK(complaint(op) == "GroupNorm: c is 8, expected a multiple of 3");
  op.groups = 0;
  CHECK(complaint(op) == "GroupNorm: groups is 0, expected at least 1");
}
