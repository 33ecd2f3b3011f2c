#pragma once

#include "ops/cases/linear.h"

namespace seedstory {

// run(op, k) for each case; every backend's tests run these same ones, within Linear's tolerance.
template <class Run>
void for_gated_linear_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t rows, k, n;
    const char* why;
  } cases[] = {
      {1, 8, 16, "the smallest"},
      {1, 256, 688, "nano decode"},
      {13, 300, 48, "few rows of whole pieces in f32, of none in 16 bits"},
      {33, 192, 96, "one row more than few"},
      {65, 40, 104, "halves that end inside a tile"},
      {130, 72, 136, "blocks in every direction"},
      {3, 32, 1, "one column"},
      {2, 0, 8, "an empty sum"},
      {0, 64, 64, "no rows"},
  };
  for (auto [rows, k, n, why] : cases) {
    INFO(rows << " x " << k << " x " << n << ": " << why);
    Inputs in(1);
    run(GatedLinear{.y = in.uninitialized(type, {rows, n}),
                    .x = in.normal(type, {rows, k}),
                    .w = in.normal(type, {2 * n, k}),
                    .bias = in.normal(DType::f32, {2 * n})},
        k);
  }
  for (Activation act : {Activation::none, Activation::gelu, Activation::silu})
    for (bool bias : {false, true}) {
      INFO("activation " << int(act) << (bias ? ", bias" : ""));
      Inputs in(2);
      run(GatedLinear{.y = in.uninitialized(type, {19, 72}),
                      .x = in.normal(type, {19, 40}),
                      .w = in.normal(type, {144, 40}),
                      .bias = bias ? in.normal(DType::f32, {144}) : Tensor{},
                      .act = act},
          40);
    }
  INFO("parts of wider tensors");
  Inputs in(3);
  run(GatedLinear{.y = in.uninitialized(type, {9, 96}).slice(1, 16, 48),
                  .x = in.normal(type, {9, 128}).slice(1, 64, 128),
                  .w = in.normal(type, {96, 64}).slice(0, 32, 96),
                  .bias = in.normal(DType::f32, {96}).slice(0, 32, 96)},
      64);
}

}  // namespace seedstory
