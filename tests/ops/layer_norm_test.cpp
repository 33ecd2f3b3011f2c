#include "ops/cases/layer_norm.h"

using namespace seedstory;

TEST_CASE("LayerNorm matches the oracle", "[ops]") {
  for_layer_norm_cases(DType::f32, [](const LayerNorm& op) { expect_matches_oracle(op, norm_tolerance(DType::f32)); });
}

TEST_CASE("LayerNorm says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const LayerNorm good{.y = f32({2, 3, 8}), .x = f32({2, 3, 8}), .w = f32({8}), .b = f32({8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &LayerNorm::x, {}) == "LayerNorm: x is absent, expected (..., dim)");
  CHECK(complaint(good, &LayerNorm::y, f32({6, 8})) == "LayerNorm: y is f32(6, 8), expected f32(2, 3, 8)");
  CHECK(complaint(good, &LayerNorm::w, f32({7})) == "LayerNorm: w is f32(7), expected (8)");
  CHECK(complaint(good, &LayerNorm::b, {}) == "LayerNorm: b is absent, expected f32(8)");
}
