#pragma once

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_add_rms_norm_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t rows, dim;
    const char* why;
  } cases[] = {
      {1, 8, "one vector, most threads idle"},
      {1, 256, "nano decode"},
      {3, 1288, "a row that ends inside a warp"},
      {2, 4096, "LLaMA decode"},
      {5, 5120, "more chunks than one"},
      {80, 256, "enough rows for several threads"},
      {0, 64, "no rows"},
  };
  for (bool residual : {false, true})
    for (auto [rows, dim, why] : cases) {
      INFO(rows << " x " << dim << (residual ? " with r: " : ": ") << why);
      Inputs in(1);
      run(AddRmsNorm{.y = in.uninitialized(type, {rows, dim}),
                     .h = in.normal(type, {rows, dim}),
                     .r = residual ? in.normal(type, {rows, dim}) : Tensor{},
                     .w = in.normal(DType::f32, {dim})});
    }
  INFO("rows of wider tensors");
  Inputs in(2);
  run(AddRmsNorm{.y = in.uninitialized(type, {4, 96}).slice(1, 0, 64),
                 .h = in.normal(type, {4, 128}).slice(1, 64, 128),
                 .r = in.normal(type, {4, 72}).slice(1, 8, 72),
                 .w = in.normal(DType::f32, {64}),
                 .eps = 1});
}

}  // namespace seedstory
