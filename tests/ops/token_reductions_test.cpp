#include "ops/cases/token_reductions.h"

using namespace seedstory;

TEST_CASE("NormalizeTokens and MeanTokens match the oracle", "[ops]") {
  for_token_reduction_cases(DType::f32, [](const auto& op) {
    // The Error line of src/cpu/ops/token_reductions.cpp.
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, MeanTokens>)
      expect_matches_oracle(op, {.sum = 0x1p-23});
    else
      expect_matches_oracle(op, {.rel = 0x1p-22});
  });
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
