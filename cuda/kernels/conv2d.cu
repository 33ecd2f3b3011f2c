// Conv2d (ops.h):  y <- x * w + bias + residual, for f16 and bf16 on the tensor cores: the product of patches.cuh by
// the main loop of gemm.cuh. docs/kernels/convolution.md tells the story; f32 is conv2d_f32.cu.
//
// Work    A block computes some pixels of y x some of its channels. 2 pixels out_c k flops; a doubled x is four
//         products of 2x2 taps, one for each value of blockIdx.z. Patches are read from x where they lie, from L2:
//         each pixel once for each tap.
// Limits  Kernels of 16 x 16 taps and fewer. Channels of x that are whole vectors, 16-byte aligned, come by copy_async;
//         others element by element.
// Error   Against f64: sqrt(k) roundings of the sum in f32, as its k go up and down at random, and the last place of T;
//         where weights are not of T, or sums of taps, the last place of each as well. k is added in one order, taps
//         outside, channels inside, an mma's 16 at a time to sums that begin at zero, whatever the tile: an element's
//         bits depend on its patch and its row of w alone.
#include "../device/epilogue.cuh"
#include "../device/patches.cuh"
#include "../gemm_tiles.h"
#include "../launch_op.h"
#include "conv2d_f32.h"
#include "conv2d_weights.h"

namespace seedstory {
namespace {

constexpr int kMostTaps = 16;  // along each axis: bits of a mask
constexpr uint32_t kTapColumns = (1u << kMostTaps) - 1;

// Pixels and channels, of a block and of a warp: for so few channels of y that most of a wider tile would be zeros,
// conv_out. Not one of GemmTiles, because Linear would be built for it as well.
using Tall = Tile<128, 16, 16, 16>;

template <class T>
struct Args {
  const T* x;  // (n, h, w, in_c)
  const T* w;  // (parts, out_c, k), with zeros from k to w_stride
  Patches patches;
  int next_tap, next_row;    // elements of x from the end of a tap to the next, of a tap row to the next
  int64_t w_part, w_stride;  // elements from part to part, from row to row
  Epilogue end;              // but for its strides
  PixelStrides y_stride, residual_stride;
  bool in_line;  // pixels of y, and those of the residual, lie at one stride in the order of the product's rows
};

// A source (gemm.cuh) of patches: its pieces of a tile step along k through channels and taps together, and each pixel
// has a mask of the taps that are inside of x. kAligned: a piece lies in one tap, at a multiple of 16 bytes.
template <class T, int kRows, int kThreads, bool kAligned>
class PatchRows {
  using Mine = Pieces<kRows, kThreads>;

 public:
  __device__ PatchRows(const Args<T>& a, int first_pixel, int part) : a_(a) {
    for (int i = 0; i < Mine::count; ++i) {
      const int pixel = first_pixel + Mine::row(i);
      from_[i] = a.x, inside_[i] = 0;
      if (!Mine::exists(i) || pixel >= a.patches.pixels) continue;
      const Pixel first = a.patches.first_of(a.patches.pixel_of(pixel), part);
      from_[i] += a.patches.x_stride.of(first.picture, first.row, first.column);
      inside_[i] = taps(first.column, a.patches.kw, a.patches.w) | taps(first.row, a.patches.kh, a.patches.h)
                                                                       << kMostTaps;
    }
    advance(Mine::chunk() * Vec<T>::size);
  }

  __device__ void fetch(Vec<T>* stage) {
    if constexpr (kAligned) {
#pragma unroll
      for (int i = 0; i < Mine::count; ++i)
        if (Mine::exists(i)) {
          const bool inside = is_inside(i);
          // Also an address of which nothing is read is one that x has.
          copy_async(stage + Mine::at(i), inside ? from_[i] + at_ : a_.x, inside ? 16 : 0);
        }
      advance(kDepth);
    } else {
      Vec<T> piece[Mine::count];
      for (int j = 0; j < Vec<T>::size; ++j) {
#pragma unroll
        for (int i = 0; i < Mine::count; ++i) piece[i].v[j] = is_inside(i) ? from_[i][at_] : from_float<T>(0);
        advance(1);
      }
#pragma unroll
      for (int i = 0; i < Mine::count; ++i)
        if (Mine::exists(i)) store_vec(stage + Mine::at(i), piece[i]);
      advance(kDepth - Vec<T>::size);
    }
  }

 private:
  // Bits [begin, end): the taps of one axis that are inside, the first of them over `first` of `size`.
  static __device__ uint32_t taps(int first, int count, int size) {
    const int begin = max(0, -first), end = min(count, size - first);
    return begin < end ? (1u << end) - (1u << begin) : 0;
  }

  // Behind the last tap, where the last step of k goes on, nothing is: the bit of the row is one that no pixel has, or
  // has left the mask.
  __device__ bool is_inside(int i) const {
    return tap_ > kTapColumns && (inside_[i] & tap_) == tap_;
  }

  // k goes on.
  __device__ void advance(int by) {
    at_ += by, channel_ += by;
    while (channel_ >= a_.patches.channels) {
      channel_ -= a_.patches.channels;
      at_ += a_.next_tap;
      const uint32_t column = tap_ << 1 & kTapColumns;
      if (column != (1u << a_.patches.kw & kTapColumns)) {
        tap_ = (tap_ & ~kTapColumns) | column;
        continue;
      }
      tap_ = (tap_ & ~kTapColumns) << 1 | 1;
      at_ += a_.next_row;
    }
  }

  const Args<T>& a_;
  const T* from_[Mine::count];          // the pixel of x under the first tap, which may lie outside
  uint32_t inside_[Mine::count];        // a bit for each column of taps, then for each row
  int at_ = 0;                          // elements from there to the next of k
  int channel_ = 0;                     // of it
  uint32_t tap_ = 1u << kMostTaps | 1;  // its bits in `inside_`: in one number ptxas spills nothing on sm_86
};

template <class T, class Tile>
union Shared {
  Ring<T, Tile> ring;
  TileOfSums<Tile> sums;
};

template <class T, class Tile, bool kAligned>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) conv2d(const __grid_constant__ Args<T> a) {
  auto& memory = shared<Shared<T, Tile>>();
  const Patches& p = a.patches;
  const int channel_tiles = int(ceil_div(a.end.cols, Tile::cols)), part = int(blockIdx.z);
  // Blocks next to each other, which run at the same time, have the same pixels: what they read of x is in L2.
  const int first_pixel = int(blockIdx.x) / channel_tiles * Tile::rows;
  const int first_channel = int(blockIdx.x) % channel_tiles * Tile::cols;
  PatchRows<T, Tile::rows, Tile::threads, kAligned> x(a, first_pixel, part);
  // As long as its stride: rows are whole pieces then.
  MatrixRows<T, Tile::cols, Tile::threads, true> w(a.w + part * a.w_part, a.w_stride, a.w_stride, [&](int row) {
    return first_channel + row < a.end.cols ? int64_t(first_channel + row) : -1;
  });
  Sums<Tile> sum = {};
  multiply(sum, memory.ring, x, w, int(ceil_div(p.k, kDepth)));
  __syncthreads();  // everyone has read the last stage, which lies where the sums go
  finish<T, Tile, false>(a.end, sum, memory.sums, first_pixel, first_channel, [&](int64_t row) {
    if (a.in_line) return RowOffsets{row * a.y_stride.pixel, row * a.residual_stride.pixel};
    const Pixel at = p.in_y(p.pixel_of(int(row)), part);
    return RowOffsets{a.y_stride.of(at.picture, at.row, at.column),
                      a.residual_stride.of(at.picture, at.row, at.column)};
  });
}

bool is_in_line(const Tensor& t) {
  return !t || ((t.dim[1] == 1 || t.stride[1] == t.dim[2] * t.stride[2]) &&
                (t.dim[0] == 1 || t.stride[0] == t.dim[1] * t.dim[2] * t.stride[2]));
}

template <class T>
void launch_tensor_core(const Conv2d& op, const Queue& queue) {
  const Patches patches = patches_of(op);
  if (patches.kh > kMostTaps || patches.kw > kMostTaps)
    fail("Conv2d: w is " + op.w.str() + ", the CUDA kernels have up to 16x16 taps");
  const int64_t row = patches.x_stride.row, taps = patches.kw * patches.x_stride.pixel;
  // PatchRows counts elements in an int, and may go on for a step behind the last tap: kDepth rows of one.
  if ((patches.kh + kDepth) * (row + taps + patches.channels) >= int64_t(1) << 31)
    fail("Conv2d: rows of " + op.x.str() + " lie further apart than the CUDA kernels count");
  const Tensor rows = conv_rows_of(op, queue);
  const Args<T> args{.x = static_cast<const T*>(op.x.data),
                     .w = static_cast<const T*>(rows.data),
                     .patches = patches,
                     .next_tap = int(patches.x_stride.pixel) - patches.channels,
                     .next_row = int(row - taps),
                     .w_part = rows.stride[0],
                     .w_stride = rows.stride[1],
                     .end = epilogue(op.y, op.bias, op.residual, Activation::none, patches.pixels),
                     .y_stride = pixel_strides(op.y),
                     .residual_stride = pixel_strides(op.residual),
                     .in_line = !op.upsample2x && is_in_line(op.y) && is_in_line(op.residual)};
  const auto start = [&]<class Tile, bool kAligned>() {
    const int64_t tiles = ceil_div(args.end.rows, Tile::rows) * ceil_div(args.end.cols, Tile::cols);
    launch<Shared<T, Tile>, conv2d<T, Tile, kAligned>>(dim3(unsigned(tiles), 1, unsigned(rows.dim[0])), Tile::threads,
                                                       queue, args);
  };
  // Element by element in one tile, whatever the size: only the first convolutions of a network, of 3 or 4 channels.
  if (!has_16_byte_rows(op.x) || patches.channels % Vec<T>::size != 0)
    start.template operator()<Narrow, false>();
  else if (op.y.dim[3] <= Tall::cols)
    start.template operator()<Tall, true>();
  else
    GemmTiles::with(GemmTiles::best({.rows = patches.pixels, .cols = op.y.dim[3], .k = patches.k, .parts = rows.dim[0]},
                                    queue.multiprocessors),
                    [&]<class Tile>() { start.template operator()<Tile, true>(); });
}

}  // namespace

void launch_op(const Conv2d& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    if constexpr (sizeof(T) == 4)
      launch_conv2d_f32(op, queue);
    else
      launch_tensor_core<T>(op, queue);
  });
}

}  // namespace seedstory
