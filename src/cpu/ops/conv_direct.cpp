// Convolution with output pixels in lanes (convolution.h).
//
// Work    A tile of output pixels takes the lines of x under it into scratch, turned: [line][channel][pixel], zeros
//         beside the picture. Sixteen pixels under one tap of one channel are then one load wherever the kernel
//         stands, and a weight is what is the same for all of them. The tile stays in the thread's L2.
#include <algorithm>

#include "cpu/ops/convolution.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kTileWidth = 128, kTileLines = 16;
constexpr int64_t kMostPixels = 2 * kNR;    // at once
constexpr int64_t kTileFloats = 48 * 1024;  // 192 KiB, less where one line alone takes more

int64_t whole_lanes(int64_t pixels) {
  return ceil_div(pixels, kNR) * kNR;
}

class Lines {
 public:
  Lines(std::span<const Convolution> convs, const Kernels& kernels)
      : convs_(convs), kernels_(kernels), conv_(convs[0]), channels_(conv_.x.dim[3]) {
    // What all of them see around an output pixel.
    int64_t below = 0, right = 0;
    for (const Convolution& conv : convs) {
      above_ = std::max(above_, conv.above), below = std::max(below, conv.kernel_h - 1 - conv.above);
      left_ = std::max(left_, conv.left), right = std::max(right, conv.kernel_w - 1 - conv.left);
    }
    around_h_ = above_ + below, around_w_ = left_ + right;
    width_ = std::min(kTileWidth, whole_lanes(conv_.y.dim[2]));
    stride_ = whole_lanes(width_ + around_w_);
    lines_ = std::clamp<int64_t>(kTileFloats / (channels_ * stride_) - around_h_, 1, kTileLines);
  }

  // Of scratch: tables, panels in f32, and one tile for each thread.
  int64_t scratch_floats(int threads) const {
    return table_floats() + panels() * conv_.w.depth * kNR + threads * tile_floats();
  }

  // Before tile(): fills the tables and the panels.
  void fill(float* scratch) {
    auto* offsets = reinterpret_cast<int64_t*>(scratch);
    auto* panels_in_f32 = reinterpret_cast<const float**>(offsets + int64_t(convs_.size()) * conv_.w.depth);
    offsets_ = offsets, panels_ = panels_in_f32;
    for (const Convolution& conv : convs_)
      for (int64_t i = 0; i < conv.kernel_h; ++i)
        for (int64_t j = 0; j < conv.kernel_w; ++j)
          for (int64_t c = 0; c < channels_; ++c)
            *offsets++ = ((i + above_ - conv.above) * channels_ + c) * stride_ + j + left_ - conv.left;
    auto* zeros = reinterpret_cast<float*>(panels_in_f32 + panels());
    std::fill_n(zeros, channels_, 0.0f);
    zeros_ = zeros;
    float* wide = scratch + table_floats();
    for (const Convolution& conv : convs_)
      for (int64_t i = 0; i < conv.w.panels(); ++i, wide += conv.w.depth * kNR)
        *panels_in_f32++ = conv.w.in_f32(i, 0, conv.w.depth, wide);
    tiles_ = wide;
  }

  int64_t tile_floats() const { return (lines_ + around_h_) * channels_ * stride_; }
  int64_t tiles() const { return conv_.y.dim[0] * tiles_down() * tiles_across(); }

  void tile(int64_t index, int thread) const {
    float* buffer = tiles_ + thread * tile_floats();
    const int64_t x = index % tiles_across() * width_, row = index / tiles_across();
    const int64_t picture = row / tiles_down(), y = row % tiles_down() * lines_;
    const int64_t lines = std::min(lines_, conv_.y.dim[1] - y), width = std::min(width_, conv_.y.dim[2] - x);
    for (int64_t line = 0; line < lines + around_h_; ++line)
      transpose(picture, y - above_ + line, x - left_, width + around_w_, buffer + line * channels_ * stride_);
    for (int64_t line = 0; line < lines; ++line)
      for (int64_t at = 0; at < width; at += kMostPixels)
        for (size_t i = 0; i < convs_.size(); ++i)
          pixels(i, (picture * conv_.y.dim[1] + y + line) * conv_.y.dim[2] + x + at, std::min(kMostPixels, width - at),
                 buffer + line * channels_ * stride_ + at);
  }

 private:
  int64_t panels() const { return int64_t(convs_.size()) * conv_.w.panels(); }
  int64_t table_floats() const {
    const int64_t words = int64_t(convs_.size()) * conv_.w.depth + panels();  // of 8 bytes
    return whole_lanes(2 * words + channels_);
  }
  int64_t tiles_across() const { return ceil_div(conv_.y.dim[2], width_); }
  int64_t tiles_down() const { return ceil_div(conv_.y.dim[1], lines_); }

  // to [channel][pixel] <- `count` pixels of a line of x from the column on, and what fills the last lanes.
  void transpose(int64_t picture, int64_t line, int64_t column, int64_t count, float* to) const {
    const auto* from = static_cast<const float*>(conv_.x.data) + picture * conv_.x.stride[0] + line * conv_.x.stride[1];
    const bool inside = line >= 0 && line < conv_.x.dim[1];
    for (int64_t at = 0; at < count; at += kNR) {
      const float* rows[kNR];
      for (int64_t i = 0; i < kNR; ++i) {
        const int64_t x = column + at + i;
        rows[i] = inside && x >= 0 && x < conv_.x.dim[2] ? from + x * conv_.x.stride[2] : zeros_;
      }
      kernels_.transpose(rows, channels_, to + at, stride_);
    }
  }

  // `count` output pixels of one line of a convolution from the given one on, all channels.
  void pixels(size_t which, int64_t first, int64_t count, const float* x) const {
    alignas(64) float sums[kNR * kMostPixels] = {}, turned[kMostPixels * kNR];
    const Convolution& conv = convs_[which];
    const RowsEpilogue epilogue{
        .kernels = kernels_, .bias = conv.bias, .act = Activation::none, .residual = conv.residual, .y = conv.y};
    const int64_t *offsets = offsets_ + int64_t(which) * conv.w.depth, places = whole_lanes(count);
    const float* const* panels = panels_ + int64_t(which) * conv.w.panels();
    for (int64_t column = 0; column < conv.y.dim[3]; column += kNR) {
      const int64_t columns = std::min(kNR, conv.y.dim[3] - column);
      kernels_.conv_direct({.columns = columns,
                            .depth = conv.w.depth,
                            .w = panels[column / kNR],
                            .x = x,
                            .offsets = offsets,
                            .places = places,
                            .c = sums});
      for (int64_t at = 0; at < places; at += kNR) {
        const float* rows[kNR];
        for (int64_t j = 0; j < kNR; ++j) rows[j] = sums + j * places + at;
        kernels_.transpose(rows, kNR, turned + at * kNR, kNR);
      }
      epilogue({.row = first, .rows = count, .column = column, .columns = columns}, turned, kNR);
    }
  }

  std::span<const Convolution> convs_;
  const Kernels& kernels_;
  const Convolution& conv_;  // the first: in what follows they are alike
  int64_t channels_, width_, stride_, lines_;
  int64_t above_ = 0, left_ = 0, around_h_, around_w_;  // lines and columns of x beside those of y
  // In scratch.
  const int64_t* offsets_ = nullptr;      // [convolution][k]: of the k-th number of the chain in a turned tile
  const float* const* panels_ = nullptr;  // [convolution][panel]
  const float* zeros_ = nullptr;          // a pixel beside the picture
  float* tiles_ = nullptr;                // [thread]
};

}  // namespace

int64_t direct_floats(std::span<const Convolution> convs, const ExecContext& context) {
  return Lines(convs, context.kernels).scratch_floats(context.pool.threads());
}

void conv_direct_pixels(std::span<const Convolution> convs, ExecContext& context) {
  Lines lines(convs, context.kernels);
  lines.fill(context.scratch.floats(lines.scratch_floats(context.pool.threads())));
  const double multiply_adds = double(convs.size()) * double(convs[0].y.numel()) * double(convs[0].w.depth);
  context.pool.run(lines.tiles(), threads_for(multiply_adds, context.pool.threads()),
                   [&](int64_t tile, int thread) { lines.tile(tile, thread); });
}

}  // namespace seedstory::cpu
