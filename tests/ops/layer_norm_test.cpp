#include "ops/harness.h"

using namespace seedstory;

// The Error line of src/cpu/ops/layer_norm.cpp.
constexpr Tolerance kTolerance{.sum = 0x1p-21};

TEST_CASE("LayerNorm matches the oracle", "[ops]") {
  struct {
    int64_t n, tokens, dim;
    const char* why;
  } cases[] = {
      {1, 1, 1, "a single number: variance 0"},
      {1, 3, 8, "half a vector"},
      {2, 64, 192, "nano"},
      {1, 5, 1664, "the ViT"},
      {3, 2, 77, "an odd row"},
      {1, 300, 100, "several threads"},
      {0, 4, 8, "nothing"},
  };
  for (auto [n, tokens, dim, why] : cases) {
    INFO(why);
    Inputs in(1);
    expect_matches_oracle(LayerNorm{.y = in.uninitialized(DType::f32, {n, tokens, dim}),
                                    .x = in.normal(DType::f32, {n, tokens, dim}),
                                    .w = in.normal(DType::f32, {dim}),
                                    .b = in.normal(DType::f32, {dim}),
                                    .eps = 1e-6f},
                          kTolerance);
  }
}

TEST_CASE("LayerNorm keeps its accuracy far from zero, in place and in views", "[ops]") {
  Inputs in(1);
  std::vector<double> values;
  for (int i = 0; i < 4 * 40; ++i) values.push_back(1000 + i % 7);
  const Tensor x = in.values(DType::f32, {2, 2, 40}, values);
  const Tensor w = in.normal(DType::f32, {40}), b = in.normal(DType::f32, {40});
  expect_matches_oracle(LayerNorm{.y = x, .x = x, .w = w, .b = b}, kTolerance);
  const Tensor wide = in.normal(DType::f32, {2, 5, 96});
  expect_matches_oracle(LayerNorm{.y = in.uninitialized(DType::f32, {2, 3, 44}).slice(2, 4, 44),
                                  .x = wide.slice(1, 1, 4).slice(2, 8, 48),
                                  .w = w,
                                  .b = b},
                        kTolerance);
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
