// What UNet and VAE are both made of.
#pragma once

#include "model/weights.h"

namespace seedstory {

struct ResnetWeights {
  Tensor norm1_w, norm1_b;  // (in)
  Tensor norm2_w, norm2_b;  // (out)
  Weight conv1_w, conv2_w;  // (out, in, 3, 3), (out, out, 3, 3)
  Tensor conv1_b, conv2_b;  // (out)
  Weight shortcut_w;        // (out, in, 1, 1), absent where in = out
  Tensor shortcut_b;        // (out)
  int64_t shift_begin = 0;  // where this block's channels begin in the stack of time projections (UNet)

  void list(WeightTable& table, const std::string& prefix, int64_t in, int64_t out);
};

// y <- x + conv2(act(norm2(conv1(act(norm1(x))) + shift))), act = SiLU. x (n, h, w, in), y (n, h, w, out); shift
// (n, out) is optional.
void resnet(Backend& be, Arena& arena, const ResnetWeights& w, const Tensor& x, const Tensor& shift, int64_t groups,
            float eps, const Tensor& y);

// A 3x3 convolution that keeps the size.
void conv3x3(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y);

// One that doubles height and width: diffusers' Upsample2D.
void conv_upsample2x(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y);

// y <- x wT + bias + residual, over all axes but the last as rows; bias and residual are optional. Where bf16 is
// multiplied x may be rounded: what comes of it is a picture.
void project(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y,
             const Tensor& residual = {});

// What the attention beside a weight may compute in: where bf16 is multiplied, in it as well.
inline DType compute_type_beside(const Weight& w) {
  return w.format() == WeightFormat::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace seedstory
