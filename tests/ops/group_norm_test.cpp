#include "ops/cases/group_norm.h"

using namespace seedstory;

TEST_CASE("GroupNorm matches the oracle", "[ops]") {
  for_group_norm_cases(DType::f32, [](const GroupNorm& op) { expect_matches_oracle(op, norm_tolerance(DType::f32)); });
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
