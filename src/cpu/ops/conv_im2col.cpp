// Convolution with output channels in lanes (convolution.h).
//
// Work    The product of gemm.h: a row is an output pixel, its depth the picture under the kernel. A task gathers
//         the piece of the depth that it is at; where the taps of a kernel row lie side by side that is one copy,
//         and next to a hundred columns it is some percent of the work. A 1x1 convolution gathers nothing. In
//         integers each pixel is rounded once, in blocks of 32 channels, and what is gathered are those.
#include <algorithm>

#include "cpu/gemm/gemm.h"
#include "cpu/ops/convolution.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

// A picture's pixels, in numbers of 32 bits; what they mean is not looked at.
struct Pixels {
  const float* data;
  int64_t image, line, pixel;  // from one to the next
  int64_t channels;
};

// Copies what lies under the kernel at output pixels: a row each of `kernel height x kernel width x channels` numbers.
class Im2col {
 public:
  Im2col(const Convolution& conv, const Pixels& x, const Kernels& kernels)
      : conv_(conv),
        x_(x),
        kernels_(kernels),
        channels_(x.channels),
        row_depth_(conv.kernel_w * channels_),
        scale_(conv.doubled ? 2 : 1),
        height_(conv.x.dim[1] * scale_),
        width_(conv.x.dim[2] * scale_) {}

  // to [pixel][depth] <- numbers [k, k + depth) of the rows of `count` output pixels from the first-th on.
  void operator()(int64_t first, int64_t count, int64_t k, int64_t depth, float* to) const {
    const int64_t out_h = conv_.y.dim[1], out_w = conv_.y.dim[2];
    for (int64_t line = first / out_w, x = first % out_w; count > 0; ++line, x = 0) {
      const int64_t run = std::min(count, out_w - x);
      const float* picture = x_.data + line / out_h * x_.image;
      for (int64_t at = k; at < k + depth;) {
        const int64_t kernel_row = at / row_depth_, begin = at % row_depth_;
        const int64_t part = std::min(row_depth_ - begin, k + depth - at);
        const int64_t y = line % out_h * conv_.stride - conv_.above + kernel_row;
        const bool inside = y >= 0 && y < height_;
        copy_line({.line = inside ? picture + y / scale_ * x_.line : nullptr,
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
    int64_t until = std::clamp<int64_t>((width_ - 1 - last_tap - left + s) / s, from, run);
    if (width_ - 1 - last_tap - left < 0) until = from;
    if (!line || x_.pixel != channels_ || scale_ > 1) from = until = run;
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
      if (!line || x < 0 || x >= width_)
        std::fill_n(to, count, 0.0f);
      else
        std::copy_n(line + x / scale_ * x_.pixel + c, count, to);
      begin += count, to += count;
    }
  }

  const Convolution& conv_;
  const Pixels x_;
  const Kernels& kernels_;
  int64_t channels_, row_depth_, scale_, height_, width_;
};

// The rounded picture of a convolution: a row for each pixel.
class Int8Im2col {
 public:
  Int8Im2col(const Convolution& conv, const Int8Rows& x, const Kernels& kernels)
      : values_(conv, pixels(conv, reinterpret_cast<const float*>(x.values), x.stride / 4), kernels),
        scales_(conv, pixels(conv, x.scales, x.blocks), kernels),
        starts_(conv, pixels(conv, reinterpret_cast<const float*>(x.starts), x.blocks), kernels) {}

  Int8Rows operator()(int64_t first, int64_t count, int64_t k, int64_t depth, float* room) const {
    const Int8Layout layout(count, depth);
    const Int8Rows to = layout.in(room);
    values_(first, count, k / 4, layout.values, room);
    scales_(first, count, k / kWeightBlock, layout.blocks, to.scales);
    starts_(first, count, k / kWeightBlock, layout.blocks, to.scales + count * layout.blocks);
    return to;
  }

 private:
  static Pixels pixels(const Convolution& conv, const float* data, int64_t channels) {
    const int64_t line = conv.x.dim[2] * channels;
    return {.data = data, .image = conv.x.dim[1] * line, .line = line, .pixel = channels, .channels = channels};
  }

  Im2col values_, scales_, starts_;
};

bool is_linear(const Convolution& conv) {
  return !conv.doubled && conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && conv.above == 0 &&
         conv.left == 0 && conv.y.dim[1] == conv.x.dim[1] && conv.y.dim[2] == conv.x.dim[2] &&
         conv.x.stride[1] == conv.x.dim[2] * conv.x.stride[2] && conv.x.stride[0] == conv.x.dim[1] * conv.x.stride[1];
}

GemmProblem problem_of(const Convolution& conv) {
  return {.rows = conv.y.rows(), .w = conv.w, .compute_type = DType::bf16, .gathers = !is_linear(conv), .x = conv.x};
}

}  // namespace

int64_t im2col_floats(const Convolution& conv, const ExecContext& context) {
  return GemmTasks(problem_of(conv), context.pool.threads()).scratch_floats();
}

void conv_im2col(const Convolution& conv, ExecContext& context) {
  const int64_t step = conv.x.stride[2], width = conv.y.dim[2];  // step: from a pixel to the next
  const bool linear = is_linear(conv);
  const RowsEpilogue epilogue{
      .kernels = context.kernels, .bias = conv.bias, .act = Activation::none, .residual = conv.residual, .y = conv.y};
  const auto finish = [&](Block block, TileC sums) {
    for (int64_t rows = block.rows; rows > 0; rows -= block.rows) {
      block.rows = std::min(rows, width - block.row % width);  // what is left of the line
      epilogue(block, sums.data, sums.stride);
      block.row += block.rows, sums.data += block.rows * sums.stride;
    }
  };
  const GemmProblem problem = problem_of(conv);
  if (conv.w.int8) {
    const Int8Rows x = round_rows(problem, context);
    const Int8Im2col gather(conv, x, context.kernels);
    return gemm(
        problem, context,
        [&](int64_t first, int64_t rows, int64_t k, int64_t depth, float* to) {
          return linear ? x.from(first, k) : gather(first, rows, k, depth, to);
        },
        finish);
  }
  const Pixels picture{.data = static_cast<const float*>(conv.x.data),
                       .image = conv.x.stride[0],
                       .line = conv.x.stride[1],
                       .pixel = step,
                       .channels = conv.x.dim[3]};
  const Im2col gather(conv, picture, context.kernels);
  gemm(
      problem, context,
      [&](int64_t first, int64_t rows, int64_t k, int64_t depth, float* to) {
        if (linear) return TileA{picture.data + first * step + k, step};
        gather(first, rows, k, depth, to);
        return TileA{to, depth};
      },
      finish);
}

}  // namespace seedstory::cpu
