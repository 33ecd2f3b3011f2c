// Conv2d (ops.h):  y <- x * w + bias + residual
//
// Work    By rows or by lines (convolution.h), whichever fills the lanes. Over a doubled x an output pixel sees 2x2
//         pixels of x, one of four sums of taps for each of the four places that it can have in its pair of rows and
//         columns: four convolutions of 4 taps instead of one of 9 over a picture four times as large. In integers
//         (Int8Kernels) it is the one of 9: a sum of taps whose scales differ is no integer.
// Error   Against f64, of the sum of magnitudes: a chain of `taps x channels` roundings, as Linear's; a sum of taps is
//         one rounding more.
// Bits    An element is one chain: docs/decisions/0005-own-convolution.md
#include <algorithm>

#include "cpu/ops/convolution.h"

namespace seedstory::cpu {
namespace {

bool in_pixels(const Convolution& conv) {
  const int64_t columns = conv.y.dim[3];
  const bool few = columns < 2 * kNR && columns % kNR != 0;
  return few && !conv.w.int8 && conv.stride == 1 && conv.y.dim[2] >= kNR;
}

// Every second row and column of t, from the given ones on.
Tensor every_second(Tensor t, int64_t row, int64_t column) {
  if (!t) return t;
  t.data = static_cast<float*>(t.data) + row * t.stride[1] + column * t.stride[2];
  t.dim[1] /= 2, t.dim[2] /= 2;
  t.stride[1] *= 2, t.stride[2] *= 2;
  return t;
}

// One, or the four of a doubled x.
struct Convolutions {
  Convolution all[4];
  size_t count;

  operator std::span<const Convolution>() const { return {all, count}; }
};

Convolutions convolutions(const Conv2d& op, const Panels& panels) {
  const Convolution conv{.y = op.y,
                         .x = op.x,
                         .residual = op.residual,
                         .bias = op.bias ? op.bias.as<float>() : nullptr,
                         .w = panels,
                         .kernel_h = op.w.values.dim[2],
                         .kernel_w = op.w.values.dim[3],
                         .stride = op.stride,
                         .above = op.pad_begin,
                         .left = op.pad_begin,
                         .doubled = op.upsample2x && panels.int8};
  if (!op.upsample2x || conv.doubled) return {.all = {conv}, .count = 1};
  Convolutions parts{.all = {}, .count = 4};
  for (int parity = 0; parity < 4; ++parity) {
    const int64_t row = parity / 2, column = parity % 2;
    parts.all[parity] = {.y = every_second(op.y, row, column),
                         .x = op.x,
                         .residual = every_second(op.residual, row, column),
                         .bias = conv.bias,
                         .w = parity_panels(panels, parity),
                         .kernel_h = 2,
                         .kernel_w = 2,
                         .stride = 1,
                         .above = 1 - row,
                         .left = 1 - column};
  }
  return parts;
}

}  // namespace

template <>
int64_t scratch_bytes(const Conv2d& op, const ExecContext& context) {
  if (op.y.numel() == 0) return 0;
  const Convolutions made = convolutions(op, panel_shape(op.w, op.weight_use(), context));
  const std::span<const Convolution> convs = made;
  int64_t floats = 0;
  if (in_pixels(convs[0]))
    floats = direct_floats(convs, context);
  else
    for (const Convolution& conv : convs) floats = std::max(floats, im2col_floats(conv, context));
  return floats * int64_t(sizeof(float)) + room_bytes(op.w, op.weight_use(), context.kernels);
}

template <>
void execute(const Conv2d& op, ExecContext& context) {
  if (op.y.numel() == 0) return;
  Scratch room;
  const Convolutions made = convolutions(op, panels_of(op.w, op.weight_use(), room, context));
  const std::span<const Convolution> convs = made;
  if (in_pixels(convs[0])) return conv_direct_pixels(convs, context);
  for (const Convolution& conv : convs) conv_im2col(conv, context);
}

}  // namespace seedstory::cpu
