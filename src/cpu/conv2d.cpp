// Conv2d (ops.h):  y <- x * w + bias + residual
//
// Work    By rows or by lines (convolution.h), whichever fills the lanes. Over a doubled x an output pixel sees 2x2
//         pixels of x, one of four sums of taps for each of the four places that it can have in its pair of rows and
//         columns: four convolutions of 4 taps instead of one of 9 over a picture four times as large.
// Error   Against f64, of the sum of magnitudes: a chain of `taps x channels` roundings, as Linear's; a sum of taps is
//         one rounding more.
// Bits    An element is one chain: docs/decisions/0005-own-convolution.md
#include <algorithm>

#include "cpu/convolution.h"
#include "cpu/parallel.h"

namespace seedstory::cpu {
namespace {

void convolve(const Convolution& conv, Crew& crew) {
  const int64_t columns = conv.y.dim[3];
  const bool few = columns < 2 * kPanel && columns % kPanel != 0;
  if (few && conv.stride == 1 && conv.y.dim[2] >= kPanel)
    convolve_lines(conv, crew);
  else
    convolve_rows(conv, crew);
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

// The 3x3 kernel of a doubled picture as the 2x2 kernel that output rows and columns of these parities see.
Panels sums_of_taps(const Panels& w, int64_t channels, int64_t row, int64_t column, Crew& crew) {
  const int64_t tap = channels * kPanel, floats = 4 * tap;
  // [panel][place][channel][16], and a thread's room for a panel and a tap.
  float* sums = crew.taps.floats(w.count() * floats + crew.threads * (floats + tap));
  parallel(crew.threads, w.count(), 1 + 4096 / tap, [&](int64_t begin, int64_t end) {
    float *room = sums + w.count() * floats + omp_get_thread_num() * (floats + tap), *wide = room + floats;
    for (int64_t panel = begin; panel < end; ++panel) {
      float* to = w.pairs ? room : sums + panel * floats;
      std::fill_n(to, floats, 0.0f);
      for (int64_t place = 0; place < 4; ++place) {
        const Taps rows(row, place / 2), columns(column, place % 2);
        float* sum = to + place * tap;
        for (int64_t i = rows.begin; i < rows.end; ++i)
          for (int64_t j = columns.begin; j < columns.end; ++j)
            kernels().add(tap, sum, w.in_f32(panel, (i * 3 + j) * channels, channels, wide), sum);
      }
      if (w.pairs) pair_up(4 * channels, room, reinterpret_cast<uint16_t*>(sums) + panel * floats);
    }
  });
  Panels out = w;
  out.whole = sums, out.depth = 4 * channels;
  if (!w.pairs) out.type = DType::f32;
  if (w.last) out.last = reinterpret_cast<char*>(sums) + w.whole_count * floats * size_of(out.type);
  return out;
}

}  // namespace

void execute(const Conv2d& op, PackedWeights& weights, Crew& crew) {
  if (op.y.numel() == 0) return;
  Convolution conv{.y = op.y,
                   .x = op.x,
                   .residual = op.residual,
                   .bias = op.bias ? op.bias.as<float>() : nullptr,
                   .w = weights.panels(op.w, crew),
                   .kernel_h = op.w.dim[2],
                   .kernel_w = op.w.dim[3],
                   .stride = op.stride,
                   .above = op.pad_begin,
                   .left = op.pad_begin};
  if (!op.doubled) return convolve(conv, crew);
  const Panels w = conv.w;
  conv.kernel_h = conv.kernel_w = 2;
  for (int64_t row : {0, 1})
    for (int64_t column : {0, 1}) {
      conv.y = every_second(op.y, row, column), conv.residual = every_second(op.residual, row, column);
      conv.w = sums_of_taps(w, op.x.dim[3], row, column, crew);
      conv.above = 1 - row, conv.left = 1 - column;
      convolve(conv, crew);
    }
}

}  // namespace seedstory::cpu
