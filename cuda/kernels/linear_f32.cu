// Linear (ops.h) in f32:  y <- act(x wT + bias) + residual, on the ordinary cores. What must be exact to f32 runs here:
// the tensor cores would cut the operands to 11 bits.
//
// Work    A block computes a tile of 64 x 64, a thread 4 x 4 of it. Tiles of x and w go through shared memory 16 of k
//         at a time. 2 rows n k flops, one fma for each two; the plain schedule, without copies that overlap it.
// Limits  None: elements are loaded one by one, whatever their alignment.
// Error   Against f64: k roundings of f32 at random. k is added in order: an element's bits depend on its row of x, its
//         row of w and k alone.
#include "../device/activate.cuh"
#include "../device/vec.cuh"
#include "linear_f32.h"

namespace seedstory {
namespace {

constexpr int kTile = 64;  // rows and columns of y in a block
constexpr int kEach = 4;   // rows and columns of y in a thread
constexpr int kAcross = kTile / kEach;
constexpr int kThreads = kAcross * kAcross;
constexpr int kDepth = 16;  // of k in a step

struct Args {
  float* y;                                               // (rows, n)
  const float* x;                                         // (rows, k)
  const float* w;                                         // (n, k)
  const float* bias;                                      // (n) or null
  const float* residual;                                  // (rows, n) or null
  int64_t y_stride, x_stride, w_stride, residual_stride;  // elements from row to row
  int64_t rows, n, k;
  Activation act;
};

// k runs down, so that a thread reads its 4 neighbours at once; 4 columns more than the tile's spread the writes, which
// come k by k, over the banks: 2 wavefronts for each where there were 16.
struct Shared {
  alignas(16) float x[kDepth][kTile + 4];
  alignas(16) float w[kDepth][kTile + 4];
};

// Rows [first, first + kTile) of a matrix (rows, k), elements [at, at + kDepth), transposed; zero outside.
__device__ void fetch(float (&to)[kDepth][kTile + 4], const float* matrix, int64_t stride, int64_t rows, int64_t k,
                      int64_t first, int64_t at) {
  for (int i = int(threadIdx.x); i < kTile * kDepth; i += kThreads) {
    const int row = i / kDepth, col = i % kDepth;
    const bool inside = first + row < rows && at + col < k;
    to[col][row] = inside ? matrix[(first + row) * stride + at + col] : 0;
  }
}

__global__ void __launch_bounds__(kThreads, 2) linear_f32(const __grid_constant__ Args a) {
  Shared& tile = shared<Shared>();
  const int64_t first_row = int64_t(blockIdx.y) * kTile, first_col = int64_t(blockIdx.x) * kTile;
  const int my_row = int(threadIdx.x) / kAcross * kEach, my_col = int(threadIdx.x) % kAcross * kEach;

  float sum[kEach][kEach] = {};
  for (int64_t at = 0; at < a.k; at += kDepth) {
    __syncthreads();  // everyone has read the step before
    fetch(tile.x, a.x, a.x_stride, a.rows, a.k, first_row, at);
    fetch(tile.w, a.w, a.w_stride, a.n, a.k, first_col, at);
    __syncthreads();  // everyone's part of this one is there
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      const auto x = load_vec<Vec<float>>(&tile.x[k][my_row]);
      const auto w = load_vec<Vec<float>>(&tile.w[k][my_col]);
      for (int i = 0; i < kEach; ++i)
        for (int j = 0; j < kEach; ++j) sum[i][j] = fmaf(x.v[i], w.v[j], sum[i][j]);
    }
  }

  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) {
      const int64_t row = first_row + my_row + i, col = first_col + my_col + j;
      if (row >= a.rows || col >= a.n) continue;
      float y = activate(a.act, sum[i][j] + (a.bias ? a.bias[col] : 0));
      if (a.residual) y += a.residual[row * a.residual_stride + col];
      a.y[row * a.y_stride + col] = y;
    }
}

}  // namespace

void launch_linear_f32(const Linear& op, const Queue& queue) {
  const Args args{.y = op.y.as<float>(),
                  .x = op.x.as<float>(),
                  .w = op.w.values.as<float>(),
                  .bias = op.bias ? op.bias.as<float>() : nullptr,
                  .residual = op.residual ? op.residual.as<float>() : nullptr,
                  .y_stride = op.y.row_stride(),
                  .x_stride = op.x.row_stride(),
                  .w_stride = op.w.values.row_stride(),
                  .residual_stride = op.residual ? op.residual.row_stride() : 0,
                  .rows = op.y.rows(),
                  .n = op.y.cols(),
                  .k = op.x.cols(),
                  .act = op.act};
  const dim3 grid(unsigned(ceil_div(args.n, kTile)), unsigned(ceil_div(args.rows, kTile)));
  launch<Shared, linear_f32>(grid, kThreads, queue, args);
}

}  // namespace seedstory
