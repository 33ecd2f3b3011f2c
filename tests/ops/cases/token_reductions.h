#pragma once

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_token_reduction_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t n, tokens, dim;
    const char* why;
  } cases[] = {
      {2, 64, 192, "nano"}, {1, 256, 1000, "several threads, a tail"}, {3, 1, 5, "one token"}, {0, 4, 8, "nothing"}};
  for (auto [n, tokens, dim, why] : cases) {
    INFO(why);
    Inputs in(1);
    const Tensor x = in.normal(type, {n, tokens, dim});
    run(NormalizeTokens{.y = in.uninitialized(type, {n, tokens, dim}), .x = x});
    run(MeanTokens{.y = in.uninitialized(type, {n, 1, dim}), .x = x});
    run(NormalizeTokens{.y = x, .x = x});
  }
  INFO("a channel of zeros, one of next to nothing");
  Inputs in(1);
  const Tensor x = in.values(type, {1, 2, 3}, {0, 3, 1e-20, 0, 4, 0});
  run(NormalizeTokens{.y = in.uninitialized(type, {1, 2, 3}), .x = x});
}

}  // namespace seedstory
