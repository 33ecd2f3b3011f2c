// Conv2d (ops.h) in f32:  y <- x * w + bias + residual, on the ordinary cores, as linear_f32.cu and for its reason.
//
// Work    A block computes 64 pixels of y x 64 channels, a thread 4 x 4 of it. Patches of x and rows of w go through
//         shared memory 16 of k at a time. 2 pixels out_c k flops, one fma for each two; the plain schedule.
// Limits  None of shape: elements are loaded one by one, whatever their alignment, and few channels leave threads idle.
// Error   Against f64: k roundings of f32 at random, as Linear's; over a doubled x one of each weight as well. k is
//         added in order, taps outside, channels inside: an element's bits depend on its patch and its row of w alone.
#include "../device/patches.cuh"
#include "../device/tile_f32.cuh"
#include "conv2d_f32.h"
#include "conv2d_weights.h"

namespace seedstory {
namespace {

constexpr int kTile = TileF32::size, kEach = TileF32::each, kThreads = TileF32::threads, kDepth = TileF32::depth;
constexpr int kFetches = kTile * kDepth / kThreads;  // of each matrix, by a thread: of one k
constexpr int kFetchRows = kThreads / kDepth;        // from one of them to the next

struct Args {
  float* y;               // (n, out_h, out_w, out_c)
  const float* x;         // (n, h, w, in_c)
  const float* w;         // (parts, out_c, k)
  const float* bias;      // (out_c) or null
  const float* residual;  // as y, or null
  PixelStrides y_stride, residual_stride;
  int64_t w_part, w_stride;  // elements from part to part, from row to row
  int out_channels;
  Patches patches;
};

// What a thread brings of the patches: one k of every kFetchRows-th pixel.
struct Fetch {
  int64_t at[kFetches];  // elements from the start of x to the first tap
  int row[kFetches], column[kFetches];

  __device__ Fetch(const Patches& p, int first_pixel, int part) {
    for (int i = 0; i < kFetches; ++i) {
      const int pixel = first_pixel + int(threadIdx.x) / kDepth + i * kFetchRows;
      const Pixel first = p.first_of(p.pixel_of(min(pixel, p.pixels - 1)), part);
      at[i] = p.x_stride.of(first.picture, first.row, first.column);
      row[i] = pixel < p.pixels ? first.row : p.h;  // no tap of it is inside
      column[i] = first.column;
    }
  }
  __device__ void operator()(TileF32::Operand& to, const Args& a, int begin) const {
    const Patches& p = a.patches;
    const int line = int(threadIdx.x) % kDepth, k = begin + line;
    const int tap = k / p.channels, tap_row = tap / p.kw, tap_column = tap % p.kw;
    const int64_t from = tap_row * p.x_stride.row + tap_column * p.x_stride.pixel + k % p.channels;
    for (int i = 0; i < kFetches; ++i) {
      const bool inside = k < p.k && p.inside(row[i] + tap_row, column[i] + tap_column);
      to[line][int(threadIdx.x) / kDepth + i * kFetchRows] = inside ? a.x[at[i] + from] : 0;
    }
  }
};

__device__ void fetch_w(TileF32::Operand& to, const Args& a, const float* w, int first, int begin) {
  const int line = int(threadIdx.x) % kDepth, k = begin + line;
  for (int i = 0; i < kFetches; ++i) {
    const int row = int(threadIdx.x) / kDepth + i * kFetchRows;
    to[line][row] = k < a.patches.k && first + row < a.out_channels ? w[(first + row) * a.w_stride + k] : 0;
  }
}

__global__ void __launch_bounds__(kThreads, 2) conv2d_f32(const __grid_constant__ Args a) {
  TileF32& tile = shared<TileF32>();
  const Patches& p = a.patches;
  const int part = int(blockIdx.z), first_pixel = int(blockIdx.x) * kTile, first_channel = int(blockIdx.y) * kTile;
  const int my_pixel = TileF32::row(), my_channel = TileF32::col();
  const float* const w = a.w + part * a.w_part;
  const Fetch fetch_x(p, first_pixel, part);

  float sum[kEach][kEach] = {};
  for (int begin = 0; begin < p.k; begin += kDepth) {
    __syncthreads();  // everyone has read the step before
    fetch_x(tile.x, a, begin);
    fetch_w(tile.w, a, w, first_channel, begin);
    __syncthreads();  // everyone's part of this one is there
    tile.multiply(sum, my_pixel, my_channel);
  }

  for (int i = 0; i < kEach; ++i) {
    if (first_pixel + my_pixel + i >= p.pixels) break;
    const Pixel at = p.in_y(p.pixel_of(first_pixel + my_pixel + i), part);
    float* const y = a.y + a.y_stride.of(at.picture, at.row, at.column);
    const float* const residual = a.residual + a.residual_stride.of(at.picture, at.row, at.column);
    for (int j = 0; j < kEach; ++j) {
      const int channel = first_channel + my_channel + j;
      if (channel >= a.out_channels) break;
      y[channel] = sum[i][j] + (a.bias ? a.bias[channel] : 0) + (a.residual ? residual[channel] : 0);
    }
  }
}

}  // namespace

void launch_conv2d_f32(const Conv2d& op, const Queue& queue) {
  const Patches patches = patches_of(op);  // or it is refused, before anything runs
  const Tensor rows = conv_rows_of(op, queue);
  const Args args{.y = op.y.as<float>(),
                  .x = op.x.as<float>(),
                  .w = rows.as<float>(),
                  .bias = op.bias ? op.bias.as<float>() : nullptr,
                  .residual = op.residual ? op.residual.as<float>() : nullptr,
                  .y_stride = pixel_strides(op.y),
                  .residual_stride = pixel_strides(op.residual),
                  .w_part = rows.stride[0],
                  .w_stride = rows.stride[1],
                  .out_channels = int(op.y.dim[3]),
                  .patches = patches};
  const dim3 grid(unsigned(ceil_div(args.patches.pixels, kTile)), unsigned(ceil_div(args.out_channels, kTile)),
                  unsigned(rows.dim[0]));
  launch<TileF32, conv2d_f32>(grid, kThreads, queue, args);
}

}  // namespace seedstory
