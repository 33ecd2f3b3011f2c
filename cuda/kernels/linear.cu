// Linear (ops.h):  y <- act(x wT + bias) + residual, for f16 and bf16 on the tensor cores. docs/kernels/linear.md tells
// the story; f32 is linear_f32.cu.
//
// Work    A block computes one tile of y. Tiles of x and w come 32 of k at a time through a ring in shared memory; each
//         warp keeps its part of y in registers and adds k 16 by 16 with mma. 2 rows n k flops; a tile's operands are
//         read once a tile, from L2 where its neighbours have just been.
// Limits  Any rows, k and n. Rows of x, w, y, residual and bias that do not start at multiples of 16 bytes take a
//         path that loads and stores element by element.
// Error   Against f64: the sum's f32 roundings, k of them at random, then the last place of T. k is added in one order,
//         step after step of 16 from zero, whatever the tile: an element's bits depend on its row of x, its row of w
//         and k alone.
#include "../choose.h"
#include "../device/activate.cuh"
#include "../device/swizzle.cuh"
#include "../device/vec.cuh"
#include "../launch_op.h"
#include "linear_f32.h"

namespace seedstory {
namespace {

constexpr int kDepth = 32;  // of k in a stage: rows of 64 bytes, which swizzled() keeps free of bank conflicts
constexpr int kChunks = 4;  // 16-byte chunks in such a row
constexpr int kStages = 4;  // three on their way while one is multiplied

template <int kRows, int kCols, int kWarpRows, int kWarpCols>
struct Tile {
  static constexpr int rows = kRows, cols = kCols;  // of y
  static constexpr int warp_rows = kWarpRows, warp_cols = kWarpCols;
  static constexpr int warps_across = kCols / kWarpCols;
  static constexpr int threads = kRows / kWarpRows * warps_across * kWarp;
  static_assert(kRows % kWarpRows == 0 && kCols % kWarpCols == 0 && kWarpRows % 16 == 0 && kWarpCols % 16 == 0);
};

// Few rows: w is read once whatever we do, so many small blocks, to have all of the card asking for it.
using Narrow = Tile<16, 64, 16, 16>;
// Many rows: 64 flops for each byte that enters shared memory, in 64 KiB and 128 registers, two blocks an SM.
// Rejected: 128 x 256, one block an SM, whose barriers nobody fills; 256 x 128 for the same reason.
using Wide = Tile<128, 128, 64, 32>;
constexpr int64_t kNarrowRows = 32;  // up to here the wide tile would be three quarters empty

template <class T>
struct Args {
  T* y;                                                   // (rows, n)
  const T* x;                                             // (rows, k)
  const T* w;                                             // (n, k)
  const float* bias;                                      // (n) or null
  const T* residual;                                      // (rows, n) or null
  int64_t y_stride, x_stride, w_stride, residual_stride;  // elements from row to row
  int64_t rows, n, k;
  Activation act;
};

template <class T, class Tile>
union Shared {
  struct {
    Vec<T> x[kStages][Tile::rows * kChunks];
    Vec<T> w[kStages][Tile::cols * kChunks];
  } ring;
  // At the end, to give each thread neighbours: 16 bytes of y in one store. 8 more columns than the tile's: what lanes
  // hold of 8 rows then falls into different banks.
  alignas(16) float sums[Tile::rows][Tile::cols + 8];
};

// Starts to bring rows [first, first + kRows) of a matrix (rows, k), elements [at, at + kDepth), into `to`. What lies
// outside the matrix is zero. Who calls: the whole block; a thread knows its own pieces to be there after its
// copy_async_wait, and the others' after the next __syncthreads.
template <int kRows, int kThreads, bool kAligned, class T>
__device__ void fetch(Vec<T>* to, const T* matrix, int64_t stride, int64_t rows, int64_t k, int64_t first, int64_t at) {
  static_assert(kRows * kChunks % kWarp == 0);
  for (int piece = int(threadIdx.x); piece < kRows * kChunks; piece += kThreads) {
    const int row = piece / kChunks, chunk = piece % kChunks;
    const int64_t col = at + chunk * Vec<T>::size;
    const int64_t left = first + row < rows ? k - col : 0;
    const int inside = left <= 0 ? 0 : left < Vec<T>::size ? int(left) : Vec<T>::size;
    const T* from = inside > 0 ? matrix + (first + row) * stride + col : matrix;
    Vec<T>* there = to + swizzled<kChunks>(row, chunk);
    if constexpr (kAligned) {
      copy_async(there, from, inside * int(sizeof(T)));
    } else {
      Vec<T> piece_of_row;
      for (int i = 0; i < Vec<T>::size; ++i) piece_of_row.v[i] = i < inside ? from[i] : from_float<T>(0);
      store_vec(there, piece_of_row);
    }
  }
}

// y[row][col, col + 8) from eight sums next to each other.
template <bool kAligned, class T>
__device__ void finish(const Args<T>& a, int64_t row, int64_t col, const float* sums) {
  constexpr int kSize = Vec<T>::size;
  T* const y = a.y + row * a.y_stride + col;
  const float* const bias = a.bias ? a.bias + col : nullptr;
  const T* const residual = a.residual ? a.residual + row * a.residual_stride + col : nullptr;
  const auto value = [&](float sum, int i, const T* r) {
    if (bias) sum += bias[i];
    sum = activate(a.act, sum);
    if (residual) sum += to_float(*r);
    return from_float<T>(sum);
  };
  if (kAligned && col + kSize <= a.n) {
    const Vec<T> r = residual ? load_vec<Vec<T>>(residual) : Vec<T>{};
    Vec<T> out;
    for (int i = 0; i < kSize; ++i) out.v[i] = value(sums[i], i, &r.v[i]);
    store_vec(y, out);
  } else {
    for (int i = 0; i < kSize && col + i < a.n; ++i) y[i] = value(sums[i], i, residual + i);
  }
}

template <class T, class Tile, bool kAligned>
__global__ void __launch_bounds__(Tile::threads, 512 / Tile::threads) linear(const __grid_constant__ Args<T> a) {
  Shared<T, Tile>& tile = shared<Shared<T, Tile>>();
  auto& ring = tile.ring;
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  const int64_t first_row = int64_t(blockIdx.y) * Tile::rows, first_col = int64_t(blockIdx.x) * Tile::cols;
  const int warp_row = warp / Tile::warps_across * Tile::warp_rows;
  const int warp_col = warp % Tile::warps_across * Tile::warp_cols;
  const int steps = int(ceil_div(a.k, kDepth));

  const auto fetch_stage = [&](int step) {
    if (step < steps) {
      const int64_t at = int64_t(step) * kDepth;
      fetch<Tile::rows, Tile::threads, kAligned>(ring.x[step % kStages], a.x, a.x_stride, a.rows, a.k, first_row, at);
      fetch<Tile::cols, Tile::threads, kAligned>(ring.w[step % kStages], a.w, a.w_stride, a.n, a.k, first_col, at);
    }
    copy_async_commit();  // also an empty group: then the count in the wait below is right to the end
  };

  constexpr int kDown = Tile::warp_rows / 16, kAcross = Tile::warp_cols / 8;
  float sum[kDown][kAcross][4] = {};

  for (int step = 0; step < kStages - 1; ++step) fetch_stage(step);
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    // Everyone's pieces of this stage are there to be read; and everyone has read the stage before, which is the one
    // that the next line overwrites.
    __syncthreads();
    fetch_stage(step + kStages - 1);

    const Vec<T>* x = ring.x[step % kStages];
    const Vec<T>* w = ring.w[step % kStages];
#pragma unroll
    for (int chunk = 0; chunk < kChunks; chunk += 2) {  // 16 of k
      // Matrices 0 and 1 are rows 0-7 and 8-15 of the first chunk, 2 and 3 of the second: mma's a.
      uint32_t x_frag[kDown][4];
      for (int i = 0; i < kDown; ++i)
        ldmatrix(x_frag[i], x + swizzled<kChunks>(warp_row + i * 16 + lane % 16, chunk + lane / 16));
      // Matrices 0 and 1 are both chunks of columns 0-7, 2 and 3 of columns 8-15: mma's b twice.
      uint32_t w_frag[kAcross / 2][4];
      for (int j = 0; j < kAcross / 2; ++j)
        ldmatrix(w_frag[j], w + swizzled<kChunks>(warp_col + j * 16 + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2));
      for (int i = 0; i < kDown; ++i)
        for (int j = 0; j < kAcross; ++j) {
          const uint32_t b[2] = {w_frag[j / 2][j % 2 * 2], w_frag[j / 2][j % 2 * 2 + 1]};
          mma<T>(sum[i][j], x_frag[i], b);
        }
    }
  }

  __syncthreads();  // everyone has read the last stage, which lies where the sums go
#pragma unroll
  for (int i = 0; i < kDown; ++i)
#pragma unroll
    for (int j = 0; j < kAcross; ++j)
      for (int half = 0; half < 2; ++half) {
        float* at = &tile.sums[warp_row + i * 16 + half * 8 + lane / 4][warp_col + j * 8 + lane % 4 * 2];
        store_vec(at, Vec<float, 2>{sum[i][j][half * 2], sum[i][j][half * 2 + 1]});
      }
  __syncthreads();  // every sum is there to be finished, by whoever
  constexpr int kVecs = Tile::cols / Vec<T>::size;
  for (int i = int(threadIdx.x); i < Tile::rows * kVecs; i += Tile::threads) {
    const int row = i / kVecs, col = i % kVecs * Vec<T>::size;
    if (first_row + row < a.rows && first_col + col < a.n)
      finish<kAligned>(a, first_row + row, first_col + col, &tile.sums[row][col]);
  }
}

template <class T>
void launch_tensor_core(const Linear& op, const Queue& queue) {
  const Args<T> args{.y = static_cast<T*>(op.y.data),
                     .x = static_cast<const T*>(op.x.data),
                     .w = static_cast<const T*>(op.w.values.data),
                     .bias = op.bias ? op.bias.as<float>() : nullptr,
                     .residual = static_cast<const T*>(op.residual.data),
                     .y_stride = op.y.row_stride(),
                     .x_stride = op.x.row_stride(),
                     .w_stride = op.w.values.row_stride(),
                     .residual_stride = op.residual ? op.residual.row_stride() : 0,
                     .rows = op.y.rows(),
                     .n = op.y.cols(),
                     .k = op.x.cols(),
                     .act = op.act};
  const auto start = [&]<class Tile, bool kAligned>() {
    const dim3 grid(unsigned(ceil_div(args.n, Tile::cols)), unsigned(ceil_div(args.rows, Tile::rows)));
    launch<Shared<T, Tile>, linear<T, Tile, kAligned>>(grid, Tile::threads, queue, args);
  };
  const bool aligned = has_16_byte_rows(op.x) && has_16_byte_rows(op.w.values) && has_16_byte_rows(op.y) &&
                       has_16_byte_rows(op.residual);
  if (!aligned)
    start.template operator()<Narrow, false>();
  else if (args.rows <= kNarrowRows)
    start.template operator()<Narrow, true>();
  else
    start.template operator()<Wide, true>();
}

}  // namespace

void launch_op(const Linear& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  if (op.y.dtype != op.x.dtype) fail("Linear: y is " + op.y.str() + ", the CUDA backend wants " + name_of(op.x.dtype));
  if (op.w.values.dtype != op.x.dtype)
    fail("Linear: w is " + op.w.str() + ", the CUDA backend wants " + name_of(op.x.dtype));
  with_float_type(op.y.dtype, op.name, [&]<class T>() {
    if constexpr (sizeof(T) == 4)
      launch_linear_f32(op, queue);
    else
      launch_tensor_core<T>(op, queue);
  });
}

}  // namespace seedstory
