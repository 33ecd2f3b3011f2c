// Conv2d (ops.h):  y <- x * w + bias + residual
//
// Work    The product of product.h: a row is an output pixel, its depth the picture under the kernel, taps outside,
//         channels inside. A task gathers the piece of the depth that it is at; where the taps of a kernel row lie side
//         by side that is one copy, and next to a hundred columns it is some percent of the work. A 1x1 convolution
//         gathers nothing.
// Error   Against f64, of the sum of magnitudes: a chain of `taps x channels` roundings, as Linear's.
// Bits    An element is one chain: docs/decisions/0005-own-convolution.md
#include <algorithm>

#include "cpu/product.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

// Copies what lies under the kernel at output pixels: a row each of `kernel height x kernel width x channels` numbers.
class Gather {
 public:
  explicit Gather(const Conv2d& op) : op_(op), channels_(op.x.dim[3]), row_depth_(op.w.dim[3] * channels_) {}

  // to [pixel][depth] <- numbers [k, k + depth) of the rows of `count` output pixels from the first-th on.
  void operator()(int64_t first, int64_t count, int64_t k, int64_t depth, float* to) const {
    const int64_t out_h = op_.y.dim[1], out_w = op_.y.dim[2];
    for (int64_t line = first / out_w, x = first % out_w; count > 0; ++line, x = 0) {
      const int64_t run = std::min(count, out_w - x);
      const float* picture = static_cast<const float*>(op_.x.data) + line / out_h * op_.x.stride[0];
      for (int64_t at = k; at < k + depth;) {
        const int64_t kernel_row = at / row_depth_, begin = at % row_depth_;
        const int64_t part = std::min(row_depth_ - begin, k + depth - at);
        const int64_t y = line % out_h * op_.stride - op_.pad_begin + kernel_row;
        const bool inside = y >= 0 && y < op_.x.dim[1];
        copy_line(inside ? picture + y * op_.x.stride[1] : nullptr, x, run, begin, part, to + at - k, depth);
        at += part;
      }
      to += run * depth, count -= run;
    }
  }

 private:
  // Numbers [begin, begin + part) of one row of the kernel, for output pixels x .. x + run of one line. `line` is null
  // above and below the picture.
  void copy_line(const float* line, int64_t x, int64_t run, int64_t begin, int64_t part, float* to,
                 int64_t stride) const {
    const int64_t first_tap = begin / channels_, last_tap = (begin + part - 1) / channels_, s = op_.stride;
    const int64_t left = x * s - op_.pad_begin;  // the picture's column under the kernel's first
    // Output pixels [from, until) see nothing but picture, and it lies side by side.
    int64_t from = std::clamp<int64_t>(ceil_div(std::max<int64_t>(-first_tap - left, 0), s), 0, run);
    int64_t until = std::clamp<int64_t>((op_.x.dim[2] - 1 - last_tap - left + s) / s, from, run);
    if (op_.x.dim[2] - 1 - last_tap - left < 0) until = from;
    if (!line || op_.x.stride[2] != channels_) from = until = run;
    for (int64_t i = 0; i < from; ++i) copy_taps(line, left + i * s, begin, part, to + i * stride);
    if (until > from)
      kernels().copy_rows(until - from, part, line + (left + from * s) * channels_ + begin, s * channels_,
                          to + from * stride, stride);
    for (int64_t i = until; i < run; ++i) copy_taps(line, left + i * s, begin, part, to + i * stride);
  }

  // The same for one output pixel, tap by tap.
  void copy_taps(const float* line, int64_t left, int64_t begin, int64_t part, float* to) const {
    for (const int64_t end = begin + part; begin < end;) {
      const int64_t x = left + begin / channels_, c = begin % channels_, count = std::min(channels_ - c, end - begin);
      if (!line || x < 0 || x >= op_.x.dim[2])
        std::fill_n(to, count, 0.0f);
      else
        std::copy_n(line + x * op_.x.stride[2] + c, count, to);
      begin += count, to += count;
    }
  }

  const Conv2d& op_;
  int64_t channels_, row_depth_;
};

bool is_linear(const Conv2d& op) {
  return op.w.dim[2] == 1 && op.w.dim[3] == 1 && op.stride == 1 && op.pad_begin == 0 && op.pad_end == 0 &&
         op.x.contiguous();
}

}  // namespace

void execute(const Conv2d& op, PackedWeights& weights, Crew& crew) {
  const int64_t n = op.w.dim[0], channels = op.x.dim[3];
  if (op.y.numel() == 0) return;
  const bool linear = is_linear(op);
  const Gather gather(op);
  constexpr int64_t kRoom = kRowBlock * kDepthBlock;
  float* room = linear ? nullptr : crew.gathered.floats(crew.threads * kRoom);
  product(
      op.y.rows(), n, weights.panels(op.w, crew), crew,
      [&](int64_t first, int64_t rows, int64_t k, int64_t depth, int thread) {
        if (linear) return RowPiece{static_cast<const float*>(op.x.data) + first * channels + k, channels};
        float* to = room + thread * kRoom;
        gather(first, rows, k, depth, to);
        return RowPiece{to, depth};
      },
      [&](int64_t row, int64_t column, int64_t columns, const float* sums) {
        kernels().finish(columns, sums, op.bias ? op.bias.as<float>() + column : nullptr, Activation::none,
                         op.residual ? row_of(op.residual, row) + column : nullptr, row_of(op.y, row) + column);
      });
}

}  // namespace seedstory::cpu
