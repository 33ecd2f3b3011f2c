#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_add_cases(DType type, Run&& run) {
  const struct {
    std::initializer_list<int64_t> b;
    const char* why;
  } cases[] = {
      {{2, 5, 7, 24}, "the same shape"}, {{1, 5, 7, 24}, "one for all pictures"}, {{2, 1, 1, 24}, "one a picture"},
      {{1, 1, 7, 24}, "one a column"},   {{2, 5, 7, 1}, "one a pixel"},           {{1, 1, 1, 1}, "one number"},
  };
  for (auto [b, why] : cases) {
    INFO(why);
    Inputs in(1);
    const Tensor a = in.normal(type, {2, 5, 7, 24}), other = in.normal(type, b);
    run(Add{.y = in.uninitialized(type, {2, 5, 7, 24}), .a = a, .b = other});
    run(Add{.y = a, .a = a, .b = other});
  }
  Inputs in(2);
  INFO("views, and enough work for several threads");
  run(Add{.y = in.uninitialized(type, {900, 64}).slice(1, 8, 58),
          .a = in.normal(type, {900, 51}).slice(1, 1, 51),
          .b = in.normal(type, {900, 80}).slice(1, 0, 50)});
}

// The whole range, and what is at its ends.
template <class Run>
void for_activate_cases(DType type, Run&& run) {
  std::vector<double> values;
  for (int i = -4000; i <= 4000; ++i) values.push_back(i * 0.005 + i * 1e-6);
  for (double v : {0.0, -0.0, 1e-30, -1e-30, 1e-40, 88.0, -88.0, 104.0, -104.0, 1e10, -1e10, 3e38, -3e38})
    if (type != DType::f16 || std::fabs(v) < 65504) values.push_back(v);
  const int64_t count = int64_t(values.size());
  for (Activation act : {Activation::none, Activation::gelu, Activation::silu}) {
    INFO("activation " << int(act));
    Inputs in(1);
    const Tensor x = in.values(type, {1, count}, values);
    run(Activate{.y = in.uninitialized(type, {1, count}), .x = x, .act = act});
    run(Activate{.y = x, .x = x, .act = act});
  }
}

}  // namespace seedstory
