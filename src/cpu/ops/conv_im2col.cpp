// Convolution with output channels in lanes (convolution.h).
//
// Work    The product of gemm.h: a row is an output pixel, its depth the picture under the kernel. A task gathers
//         the piece of the depth that it is at; where the taps of a kernel row lie side by side that is one copy,
//         and next to a hundred columns it is some percent of the work. A 1x1 convolution gathers nothing.
#include <algorithm>

#include "cpu/gemm/gemm.h"
#include "cpu/ops/convolution.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

// Copies what lies under the kernel at output pixels: a row each of `kernel height x kernel width x channels` numbers.
class Im2col {
 public:
  Im2col(const Convolution& conv, const Kernels& kernels)
      : conv_(conv), kernels_(kernels), channels_(conv.x.dim[3]), row_depth_(conv.kernel_w * channels_) {}

  // to [pixel][depth] <- numbers [k, k + depth) of the rows of `count` output pixels from the first-th on.
  void operator()(int64_t first, int64_t count, int64_t k, int64_t depth, float* to) const {
    const int64_t out_h = conv_.y.dim[1], out_w = conv_.y.dim[2];
    for (int64_t line = first / out_w, x = first % out_w; count > 0; ++line, x = 0) {
      const int64_t run = std::min(count, out_w - x);
      const float* picture = static_cast<const float*>(conv_.x.data) + line / out_h * conv_.x.stride[0];
      for (int64_t at = k; at < k + depth;) {
        const int64_t kernel_row = at / row_depth_, begin = at % row_depth_;
        const int64_t part = std::min(row_depth_ - begin, k + depth - at);
        const int64_t y = line % out_h * conv_.stride - conv_.above + kernel_row;
        const bool inside = y >= 0 && y < conv_.x.dim[1];
        copy_line({.line = inside ? picture + y * conv_.x.stride[1] : nullptr,
                   .x = x,
                   .run = run,
                   .begin = begin,
                   .part = part,
                   .to = to + at - k,
                   .stride = depth});
        at += part;
      }
      to += run * depth, count -= run;
    }
  }

 private:
  // Numbers [begin, begin + part) of one row of the kernel, for output pixels x .. x + run of one line. `line` is null
  // above and below the picture.
  struct LineArgs {
    const float* line;
    int64_t x, run, begin, part;
    float* to;
    int64_t stride;  // from one output pixel's numbers to the next
  };

  void copy_line(const LineArgs& args) const {
    const auto [line, x, run, begin, part, to, stride] = args;
    const int64_t first_tap = begin / channels_, last_tap = (begin + part - 1) / channels_, s = conv_.stride;
    const int64_t left = x * s - conv_.left;  // the picture's column under the kernel's first
    // Output pixels [from, until) see nothing but picture, and it lies side by side.
    int64_t from = std::clamp<int64_t>(ceil_div(std::max<int64_t>(-first_tap - left, 0), s), 0, run);
    int64_t until = std::clamp<int64_t>((conv_.x.dim[2] - 1 - last_tap - left + s) / s, from, run);
    if (conv_.x.dim[2] - 1 - last_tap - left < 0) until = from;
    if (!line || conv_.x.stride[2] != channels_) from = until = run;
    for (int64_t i = 0; i < from; ++i) copy_taps(line, left + i * s, begin, part, to + i * stride);
    if (until > from)
      kernels_.copy_rows(until - from, part, line + (left + from * s) * channels_ + begin, s * channels_,
                         to + from * stride, stride);
    for (int64_t i = until; i < run; ++i) copy_taps(line, left + i * s, begin, part, to + i * stride);
  }

  // The same for one output pixel, tap by tap.
  void copy_taps(const float* line, int64_t left, int64_t begin, int64_t part, float* to) const {
    for (const int64_t end = begin + part; begin < end;) {
      const int64_t x = left + begin / channels_, c = begin % channels_, count = std::min(channels_ - c, end - begin);
      if (!line || x < 0 || x >= conv_.x.dim[2])
        std::fill_n(to, count, 0.0f);
      else
        std::copy_n(line + x * conv_.x.stride[2] + c, count, to);
      begin += count, to += count;
    }
  }

  const Convolution& conv_;
  const Kernels& kernels_;
  int64_t channels_, row_depth_;
};

bool is_linear(const Convolution& conv) {
  return conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && conv.above == 0 && conv.left == 0 &&
         conv.y.dim[1] == conv.x.dim[1] && conv.y.dim[2] == conv.x.dim[2] &&
         conv.x.stride[1] == conv.x.dim[2] * conv.x.stride[2] && conv.x.stride[0] == conv.x.dim[1] * conv.x.stride[1];
}

GemmProblem problem_of(const Convolution& conv) {
  return {.rows = conv.y.rows(), .w = conv.w, .compute_type = DType::bf16, .gathers = !is_linear(conv)};
}

}  // namespace

int64_t im2col_floats(const Convolution& conv, const ExecContext& context) {
  return GemmTasks(problem_of(conv), context.pool.threads()).scratch_floats();
}

void conv_im2col(const Convolution& conv, ExecContext& context) {
  const int64_t step = conv.x.stride[2], width = conv.y.dim[2];  // step: from a pixel to the next
  const bool linear = is_linear(conv);
  const Im2col gather(conv, context.kernels);
  const RowsEpilogue epilogue{
      .kernels = context.kernels, .bias = conv.bias, .act = Activation::none, .residual = conv.residual, .y = conv.y};
  gemm(
      problem_of(conv), context,
      [&](int64_t first, int64_t rows, int64_t k, int64_t depth, float* to) {
        if (linear) return TileA{static_cast<const float*>(conv.x.data) + first * step + k, step};
        gather(first, rows, k, depth, to);
        return TileA{to, depth};
      },
      [&](Block block, TileC sums) {
        for (int64_t rows = block.rows; rows > 0; rows -= block.rows) {
          block.rows = std::min(rows, width - block.row % width);  // what is left of the line
          epilogue(block, sums.data, sums.stride);
          block.row += block.rows, sums.data += block.rows * sums.stride;
        }
      });
}

}  // namespace seedstory::cpu
