#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// A sum of `k` products and roundings as Linear's, bias and residual, then a rounding to `type`. The sums of taps of a
// doubled x are rounded to `type` as well, and so are weights in blocks.
inline Tolerance conv2d_tolerance(DType type, int64_t k, bool rounds_weights = false) {
  const double of_weights = rounds_weights ? unit_roundoff(type) : 0;
  return {.rel = type == DType::f32 ? 0 : unit_roundoff(type),
          .sum = 0x1p-23 * std::sqrt(double(k)) + 0x1p-23 + of_weights};
}

inline Conv2d square_conv2d(Inputs& in, DType type, int64_t n, int64_t size, int64_t in_c, int64_t out_c,
                            int64_t kernel, int stride, int pad_begin, int pad_end) {
  const int64_t out = (size + pad_begin + pad_end - kernel) / stride + 1;
  return {.y = in.uninitialized(type, {n, out, out, out_c}),
          .x = in.normal(type, {n, size, size, in_c}),
          .w = in.normal(type, {out_c, in_c, kernel, kernel}),
          .stride = stride,
          .pad_begin = pad_begin,
          .pad_end = pad_end};
}

// Of these a picture is doubled: (h, w, in_c, out_c).
inline constexpr int64_t kDoubledCases[][4] = {{4, 4, 32, 32},  {1, 3, 288, 40}, {2, 17, 32, 24}, {1, 1, 8, 16},
                                               {3, 5, 100, 20}, {9, 20, 12, 8},  {2, 17, 5, 3},   {8, 8, 24, 24}};

// run(op, tolerance) for each case; every backend's tests run these same ones.
template <class Run>
void for_conv2d_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t n, size, in_c, out_c, kernel;
    int stride, pad_begin, pad_end;
    const char* why;
  } cases[] = {
      {2, 8, 64, 96, 3, 1, 1, 1, "a ResNet of the UNet"},
      {2, 9, 16, 16, 3, 2, 1, 1, "downsampling, odd size"},
      {1, 8, 32, 32, 3, 2, 0, 1, "the VAE encoder's padding on one side"},
      {2, 8, 4, 64, 3, 1, 1, 1, "conv_in: fewer channels than a vector"},
      {1, 16, 16, 3, 3, 1, 1, 1, "conv_out: three channels"},
      {1, 32, 3, 40, 16, 16, 0, 0, "patches of the ViT"},
      {2, 6, 96, 64, 1, 1, 0, 0, "conv_shortcut"},
      {1, 4, 4, 4, 1, 1, 0, 0, "post_quant_conv"},
      {1, 5, 20, 36, 3, 1, 1, 1, "channels that fill no vector"},
      {1, 1, 8, 8, 3, 1, 1, 1, "one pixel"},
      {1, 12, 100, 24, 3, 1, 1, 1, "a depth of several pieces that end inside a tap"},
      {2, 11, 12, 72, 5, 3, 4, 0, "steps that leave the picture on one side"},
      {1, 3, 8, 16, 7, 2, 6, 6, "a kernel larger than the picture"},
      {0, 8, 8, 8, 3, 1, 1, 1, "no pictures"},
      {1, 4, 0, 8, 3, 1, 1, 1, "an empty sum"},
      {1, 3, 1, 1, 1, 1, 0, 0, "a product of single numbers"},
  };
  for (auto c : cases) {
    INFO(c.why);
    Inputs in(1);
    run(square_conv2d(in, type, c.n, c.size, c.in_c, c.out_c, c.kernel, c.stride, c.pad_begin, c.pad_end),
        conv2d_tolerance(type, c.in_c * c.kernel * c.kernel));
  }
  {
    INFO("a wide picture and a tall kernel");
    Inputs in(1);
    run(Conv2d{.y = in.uninitialized(type, {2, 4, 9, 24}),
               .x = in.normal(type, {2, 5, 9, 16}),
               .w = in.normal(type, {24, 16, 4, 3}),
               .pad_begin = 1,
               .pad_end = 1},
        conv2d_tolerance(type, 16 * 12));
  }
  for (bool bias : {false, true})
    for (bool residual : {false, true}) {
      INFO((bias ? "bias " : "") << (residual ? "residual" : ""));
      Inputs in(1);
      Conv2d op = square_conv2d(in, type, 2, 6, 16, 24, 3, 1, 1, 1);
      if (bias) op.bias = in.normal(DType::f32, {24});
      if (residual) op.residual = in.normal(type, {2, 6, 6, 24});
      run(op, conv2d_tolerance(type, 16 * 9));
      if (!residual) continue;
      INFO("in place");
      op.y = op.residual;
      run(op, conv2d_tolerance(type, 16 * 9));
    }
  {
    INFO("channels of wider pictures");
    Inputs in(1);
    Conv2d op = square_conv2d(in, type, 1, 5, 16, 8, 3, 1, 1, 1);
    op.x = in.normal(type, {1, 5, 5, 48}).slice(3, 16, 32);
    op.y = in.uninitialized(type, {1, 5, 5, 20}).slice(3, 4, 12);
    op.residual = in.normal(type, {1, 5, 5, 16}).slice(3, 8, 16);
    run(op, conv2d_tolerance(type, 16 * 9));
    INFO("and the residual may be such a view and the output too");
    op.y = op.residual;
    run(op, conv2d_tolerance(type, 16 * 9));
  }
  {
    INFO("some rows and columns of larger pictures");
    Inputs in(1);
    Conv2d op = square_conv2d(in, type, 2, 6, 16, 16, 3, 1, 1, 1);
    op.x = in.normal(type, {3, 8, 9, 16}).slice(0, 1, 3).slice(1, 2, 8).slice(2, 1, 7);
    op.y = in.uninitialized(type, {2, 7, 10, 16}).slice(1, 0, 6).slice(2, 3, 9);
    op.bias = in.normal(DType::f32, {16});
    run(op, conv2d_tolerance(type, 16 * 9));
  }
}

// As kDoubledCases, in one type.
template <class Run>
void for_doubled_cases(DType type, Run&& run) {
  for (const auto& [h, w, in_c, out_c] : kDoubledCases) {
    INFO(h << " x " << w << ", " << in_c << " to " << out_c << " channels, doubled");
    Inputs in(1);
    run(Conv2d{.y = in.uninitialized(type, {2, 2 * h, 2 * w, out_c}),
               .x = in.normal(type, {2, h, w, in_c}),
               .w = in.normal(type, {out_c, in_c, 3, 3}),
               .bias = in.normal(DType::f32, {out_c}),
               .residual = in.normal(type, {2, 2 * h, 2 * w, out_c}),
               .pad_begin = 1,
               .pad_end = 1,
               .upsample2x = true},
        conv2d_tolerance(type, in_c * 9, true));
  }
}

}  // namespace seedstory
