#include "ops/harness.h"

using namespace seedstory;

TEST_CASE("NormalizeTokens and MeanTokens match the oracle", "[ops]") {
  struct {
    int64_t n, tokens, dim;
    const char* why;
  } cases[] = {
      {2, 64, 192, "nano"}, {1, 256, 1000, "several threads, a tail"}, {3, 1, 5, "one token"}, {0, 4, 8, "nothing"}};
  for (auto [n, tokens, dim, why] : cases) {
    INFO(why);
    Inputs in(1);
    const Tensor x = in.normal(DType::f32, {n, tokens, dim});
    expect_matches_oracle(NormalizeTokens{.y = in.uninitialized(DType::f32, {n, tokens, dim}), .x = x},
                          {.rel = 0x1p-22});
    expect_matches_oracle(MeanTokens{.y = in.uninitialized(DType::f32, {n, 1, dim}), .x = x}, {.sum = 0x1p-23});
    expect_matches_oracle(NormalizeTokens{.y = x, .x = x}, {.rel = 0x1p-22});
  }
}

TEST_CASE("NormalizeTokens leaves a channel of zeros at zero", "[ops]") {
  Inputs in(1);
  const Tensor x = in.values(DType::f32, {1, 2, 3}, {0, 3, 1e-20, 0, 4, 0});
  expect_matches_oracle(NormalizeTokens{.y = in.uninitialized(DType::f32, {1, 2, 3}), .x = x}, {.rel = 0x1p-22});
}

TEST_CASE("Token ops say what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  CHECK(complaint(NormalizeTokens{.y = f32({2, 3, 4}), .x = f32({3, 4})}) ==
        "NormalizeTokens: x is f32(3, 4), expected (n, tokens, dim)");
  CHECK(complaint(NormalizeTokens{.y = f32({2, 3, 5}), .x = f32({2, 3, 4})}) ==
        "NormalizeTokens: y is f32(2, 3, 5), expected f32(2, 3, 4)");
  CHECK(complaint(MeanTokens{.y = f32({2, 3, 4}), .x = f32({2, 3, 4})}) ==
        "MeanTokens: y is f32(2, 3, 4), expected (2, 1, 4)");
  CHECK(complaint(MeanTokens{.y = f32({2, 1, 4}), .x = f32({2, 0, 4})}) ==
        "MeanTokens: x is f32(2, 0, 4), expected at least 1 in axis 1");
}
