#pragma once

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_layer_norm_cases(DType type, Run&& run) {
  static constexpr struct {
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
    run(LayerNorm{.y = in.uninitialized(type, {n, tokens, dim}),
                  .x = in.normal(type, {n, tokens, dim}),
                  .w = in.normal(DType::f32, {dim}),
                  .b = in.normal(DType::f32, {dim}),
                  .eps = 1e-6f});
  }
  Inputs in(1);
  std::vector<double> values;
  for (int i = 0; i < 4 * 40; ++i) values.push_back(1000 + i % 7);
  const Tensor x = in.values(type, {2, 2, 40}, values);
  const Tensor w = in.normal(DType::f32, {40}), b = in.normal(DType::f32, {40});
  {
    INFO("far from zero, in place");
    run(LayerNorm{.y = x, .x = x, .w = w, .b = b});
  }
  INFO("views");
  const Tensor wide = in.normal(type, {2, 5, 96});
  run(LayerNorm{.y = in.uninitialized(type, {2, 3, 44}).slice(2, 4, 44),
                .x = wide.slice(1, 1, 4).slice(2, 8, 48),
                .w = w,
                .b = b});
}

}  // namespace seedstory
