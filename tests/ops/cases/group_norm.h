#pragma once

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_group_norm_cases(DType type, Run&& run) {
  static constexpr struct {
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
        run(GroupNorm{.y = in.uninitialized(type, {n, h, w, c}),
                      .x = in.normal(type, {n, h, w, c}),
                      .w = in.normal(DType::f32, {c}),
                      .b = in.normal(DType::f32, {c}),
                      .shift = shift ? in.normal(DType::f32, {n, c}) : Tensor{},
                      .groups = groups,
                      .act = act});
      }
  Inputs in(1);
  std::vector<double> values;
  for (int i = 0; i < 36 * 16; ++i) values.push_back(500 + i % 5);
  const Tensor x = in.values(type, {1, 6, 6, 16}, values);
  const Tensor w = in.normal(DType::f32, {16}), b = in.normal(DType::f32, {16});
  {
    INFO("far from zero, in place");
    run(GroupNorm{.y = x, .x = x, .w = w, .b = b, .groups = 4});
  }
  INFO("views");
  run(GroupNorm{.y = in.uninitialized(type, {2, 3, 3, 20}).slice(3, 4, 20),
                .x = in.normal(type, {2, 3, 3, 48}).slice(3, 16, 32),
                .w = w,
                .b = b,
                .groups = 2});
}

}  // namespace seedstory
