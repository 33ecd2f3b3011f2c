// Norm, SiLU, convolution, twice, beside a shortcut.
#include "model/resnet.h"

#include "model/views.h"

namespace seedstory {

void ResnetWeights::list(WeightTable& table, const std::string& prefix, int64_t in, int64_t out) {
  table.add(norm1_w, {prefix + "norm1.weight", {in}});
  table.add(norm1_b, {prefix + "norm1.bias", {in}});
  table.add(conv1_w, {prefix + "conv1.weight", {out, in, 3, 3}}, WeightUse::conv);
  table.add(conv1_b, {prefix + "conv1.bias", {out}});
  table.add(norm2_w, {prefix + "norm2.weight", {out}});
  table.add(norm2_b, {prefix + "norm2.bias", {out}});
  table.add(conv2_w, {prefix + "conv2.weight", {out, out, 3, 3}}, WeightUse::conv);
  table.add(conv2_b, {prefix + "conv2.bias", {out}});
  if (in == out) return;
  table.add(shortcut_w, {prefix + "conv_shortcut.weight", {out, in, 1, 1}}, WeightUse::conv);
  table.add(shortcut_b, {prefix + "conv_shortcut.bias", {out}});
}

void resnet(Backend& be, Arena& arena, const ResnetWeights& w, const Tensor& x, const Tensor& shift, int64_t groups,
            float eps, const Tensor& y) {
  Arena::Scope scope(arena);
  const Tensor b = arena.like(y);
  {
    Arena::Scope first(arena);
    const Tensor a = arena.like(x);
    be.run(GroupNorm{
        .y = a, .x = x, .w = w.norm1_w, .b = w.norm1_b, .groups = int(groups), .eps = eps, .act = Activation::silu});
    conv3x3(be, w.conv1_w, w.conv1_b, a, b);
  }
  be.run(GroupNorm{.y = b,
                   .x = b,
                   .w = w.norm2_w,
                   .b = w.norm2_b,
                   .shift = shift,
                   .groups = int(groups),
                   .eps = eps,
                   .act = Activation::silu});
  if (w.shortcut_w) be.run(Conv2d{.y = y, .x = x, .w = w.shortcut_w, .bias = w.shortcut_b});
  be.run(Conv2d{.y = y,
                .x = b,
                .w = w.conv2_w,
                .bias = w.conv2_b,
                .residual = w.shortcut_w ? y : x,
                .pad_begin = 1,
                .pad_end = 1});
}

void conv3x3(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y) {
  be.run(Conv2d{.y = y, .x = x, .w = w, .bias = bias, .pad_begin = 1, .pad_end = 1});
}

void conv_upsample2x(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y) {
  be.run(Conv2d{.y = y, .x = x, .w = w, .bias = bias, .pad_begin = 1, .pad_end = 1, .upsample2x = true});
}

void project(Backend& be, const Weight& w, const Tensor& bias, const Tensor& x, const Tensor& y,
             const Tensor& residual) {
  be.run(Linear{.y = as_rows(y),
                .x = as_rows(x),
                .w = w,
                .bias = bias,
                .residual = residual ? as_rows(residual) : Tensor{},
                .compute_type = DType::bf16});
}

}  // namespace seedstory
