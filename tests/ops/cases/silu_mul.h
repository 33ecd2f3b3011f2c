#pragma once

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_silu_mul_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t rows, dim;
    const char* why;
  } cases[] = {
      {1, 8, "one vector"},       {1, 688, "nano decode"},  {3, 1288, "a row that ends inside a warp"},
      {2, 11008, "LLaMA decode"}, {80, 688, "nano prompt"}, {0, 64, "no rows"},
  };
  for (auto [rows, dim, why] : cases) {
    INFO(rows << " x " << dim << ": " << why);
    Inputs in(1);
    run(SiluMul{
        .y = in.room(type, {rows, dim}), .gate = in.normal(type, {rows, dim}, 3), .up = in.normal(type, {rows, dim})});
  }
  {
    INFO("both halves of one projection, in place");
    Inputs in(2);
    const Tensor both = in.normal(type, {5, 128});
    run(SiluMul{.y = both.slice(1, 0, 64), .gate = both.slice(1, 0, 64), .up = both.slice(1, 64, 128)});
  }
  INFO("gates so large that e^-x is 0 or infinite");
  Inputs in(3);
  const double most = type == DType::f16 ? 65504 : 3e38;
  run(SiluMul{.y = in.room(type, {1, 8}),
              .gate = in.values(type, {1, 8}, {0, -0.0, 20, -20, 120, -120, most, -most}),
              .up = in.values(type, {1, 8}, {1, 1, 1, 1, 1, 1, 1, 1})});
}

}  // namespace seedstory
