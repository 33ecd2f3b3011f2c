// Conv2d (ops.h):  y <- x * w + bias + residual
//
// Work    By rows or by lines (convolution.h), whichever fills the lanes. Over a doubled x an output pixel sees 2x2
//         pixels of x, one of four sums of taps for each of the four places that it can have in its pair of rows and
//         columns: four convolutions of 4 taps instead of one of 9 over a picture four times as large.
// Error   Against f64, of the sum of magnitudes: a chain of `taps x channels` roundings, as Linear's; a sum of taps is
//         one rounding more.
// Bits    An element is one chain: docs/decisions/0005-own-convolution.md
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "cpu/ops/convolution.h"
#include "cpu/runtime/parallel.h"

namespace seedstory::cpu {
namespace {

void convolve(std::span<const Convolution> convs, OpContext& context) {
  const Convolution& first = convs[0];
  const int64_t columns = first.y.dim[3];
  const bool few = columns < 2 * kNR && columns % kNR != 0;
  if (few && first.stride == 1 && first.y.dim[2] >= kNR) return conv_direct_pixels(convs, context);
  for (const Convolution& conv : convs) conv_im2col(conv, context);
}

// Every second row and column of t, from the given ones on.
Tensor every_second(Tensor t, int64_t row, int64_t column) {
  if (!t) return t;
  t.data = static_cast<float*>(t.data) + row * t.stride[1] + column * t.stride[2];
  t.dim[1] /= 2, t.dim[2] /= 2;
  t.stride[1] *= 2, t.stride[2] *= 2;
  return t;
}

// Of a kernel's three rows over a doubled picture those that fall on the first (0) or second (1) row of x that an
// output row sees; even output rows and odd ones differ. Columns the same.
struct Taps {
  int64_t begin, end;
  Taps(int64_t parity, int64_t place) : begin(place == 0 ? 0 : 1 + parity), end(place == 0 ? 1 + parity : 3) {}
};

// The 3x3 kernel of a doubled picture as the four kernels of 2x2 that output rows and columns of each parity see:
// [row][column], the panels of each [place][channel][16].
std::array<Panels, 4> fold_upsample(const Tensor& kernel, const Panels& w, OpContext& context) {
  const int64_t channels = kernel.dim[1], tap = channels * kNR, numbers = 4 * tap;
  std::array<Panels, 4> out;
  out.fill(w);
  const DType type = w.bf16x2 ? DType::bf16 : DType::f32;
  const int64_t panel_bytes = numbers * size_of(type), bytes = w.count() * panel_bytes;
  const PackedWeights::Derived made = context.weights.derived(kernel, 4 * bytes);
  for (int64_t i = 0; i < 4; ++i) {
    char* at = static_cast<char*>(made.memory) + i * bytes;
    out[size_t(i)].whole = at, out[size_t(i)].type = type, out[size_t(i)].depth = 4 * channels;
    if (w.last) out[size_t(i)].last = at + w.whole_count * panel_bytes;
  }
  if (!made.is_new) return out;
  parallel(context.pool, 4 * w.count(), 1 + 4096 / tap, [&](int64_t begin, int64_t end) {
    std::vector<float> sums(static_cast<size_t>(numbers)), wide(static_cast<size_t>(tap));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t parity = i / w.count(), panel = i % w.count();
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int64_t place = 0; place < 4; ++place) {
        const Taps rows(parity / 2, place / 2), columns(parity % 2, place % 2);
        float* sum = &sums[size_t(place * tap)];
        for (int64_t row = rows.begin; row < rows.end; ++row)
          for (int64_t column = columns.begin; column < columns.end; ++column)
            kernels().add(tap, sum, w.in_f32(panel, (row * 3 + column) * channels, channels, wide.data()), sum);
      }
      char* to = static_cast<char*>(made.memory) + i * panel_bytes;
      if (w.bf16x2)
        interleave_k2(4 * channels, sums.data(), reinterpret_cast<uint16_t*>(to));
      else
        std::memcpy(to, sums.data(), size_t(panel_bytes));
    }
  });
  return out;
}

}  // namespace

template <>
void execute(const Conv2d& op, OpContext& context) {
  if (op.y.numel() == 0) return;
  Convolution conv{.y = op.y,
                   .x = op.x,
                   .residual = op.residual,
                   .bias = op.bias ? op.bias.as<float>() : nullptr,
                   .w = context.weights.panels(op.w, 1, context),
                   .kernel_h = op.w.dim[2],
                   .kernel_w = op.w.dim[3],
                   .stride = op.stride,
                   .above = op.pad_begin,
                   .left = op.pad_begin};
  if (!op.upsample2x) return convolve({&conv, 1}, context);
  const std::array<Panels, 4> sums = fold_upsample(op.w, conv.w, context);
  std::array<Convolution, 4> parts;
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t row = i / 2, column = i % 2;
    parts[size_t(i)] = {.y = every_second(op.y, row, column),
                        .x = op.x,
                        .residual = every_second(op.residual, row, column),
                        .bias = conv.bias,
                        .w = sums[size_t(i)],
                        .kernel_h = 2,
                        .kernel_w = 2,
                        .stride = 1,
                        .above = 1 - row,
                        .left = 1 - column};
  }
  convolve(parts, context);
}

}  // namespace seedstory::cpu
