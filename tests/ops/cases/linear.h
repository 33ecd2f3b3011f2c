#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// A sum of k products in the working type of f32, then rounded to `type`: the error of a random walk of k roundings,
// twice over (Higham and Mary 2019), and that of bias, activation and residual.
inline Tolerance linear_tolerance(DType type, int64_t k) {
  return {.rel = type == DType::f32 ? 0 : unit_roundoff(type), .sum = 0x1p-23 * std::sqrt(double(k)) + 0x1p-22};
}

// run(op, k) for each case; every backend's tests run these same ones.
template <class Run>
void for_linear_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t rows, k, n;
    const char* why;
  } cases[] = {
      {1, 8, 8, "the smallest"},
      {1, 256, 688, "nano decode"},
      {1, 688, 256, "nano decode, back"},
      {7, 160, 480, "fewer rows than a tile has"},
      {80, 192, 64, "nano prompt"},
      {65, 320, 104, "edges in rows and columns"},
      {33, 200, 1000, "no size a multiple of 16"},
      {3, 4096, 64, "a long sum"},
      {256, 96, 384, "tokens of a picture"},
      {130, 72, 264, "more rows than one block of any kernel"},
      {0, 64, 64, "no rows"},
  };
  for (auto [rows, k, n, why] : cases) {
    INFO(rows << " x " << k << " x " << n << ": " << why);
    Inputs in(1);
    run(Linear{.y = in.uninitialized(type, {rows, n}), .x = in.normal(type, {rows, k}), .w = in.normal(type, {n, k})},
        k);
  }
  for (Activation act : {Activation::none, Activation::gelu, Activation::silu})
    for (bool bias : {false, true})
      for (bool residual : {false, true}) {
        INFO("activation " << int(act) << (bias ? ", bias" : "") << (residual ? ", residual" : ""));
        Inputs in(2);
        run(Linear{.y = in.uninitialized(type, {19, 72}),
                   .x = in.normal(type, {19, 40}),
                   .w = in.normal(type, {72, 40}),
                   .bias = bias ? in.normal(DType::f32, {72}) : Tensor{},
                   .residual = residual ? in.normal(type, {19, 72}) : Tensor{},
                   .act = act},
            40);
      }
  {
    INFO("the residual stream, in place");
    Inputs in(3);
    const Tensor h = in.normal(type, {9, 64});
    run(Linear{.y = h, .x = in.normal(type, {9, 128}), .w = in.normal(type, {64, 128}), .residual = h}, 128);
  }
  INFO("parts of wider tensors");
  Inputs in(4);
  run(Linear{.y = in.uninitialized(type, {9, 96}).slice(1, 16, 48),
             .x = in.normal(type, {9, 128}).slice(1, 64, 128),
             .w = in.normal(type, {96, 64}).slice(0, 32, 64),
             .residual = in.normal(type, {9, 40}).slice(1, 8, 40)},
      64);
}

}  // namespace seedstory
