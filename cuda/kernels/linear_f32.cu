// Linear and GatedLinear (ops.h) in f32:  y <- act(x wT + bias) + residual,  y <- a * act(g), on the ordinary cores.
// What must be exact to f32 runs here: the tensor cores would cut the operands to 11 bits.
//
// Work    A block computes a tile of 64 x 64 sums, a thread 4 x 4 of it; with a gate two columns of values and their
//         gates. Tiles of x and w go through shared memory 16 of k at a time. 2 rows n k flops, one fma for each two;
//         the plain schedule, without copies that overlap it.
// Limits  None: elements are loaded one by one, whatever their alignment.
// Error   Against f64: k roundings of f32 at random; with a gate the product of two such. k is added in order: a sum's
//         bits depend on its row of x, its row of w and k alone.
#include "../device/tile_f32.cuh"
#include "linear.cuh"

namespace seedstory {
namespace {

constexpr int kTile = TileF32::size, kEach = TileF32::each, kAcross = TileF32::across, kThreads = TileF32::threads;
constexpr int kDepth = TileF32::depth;

// Rows of a matrix, row_of(0) to row_of(kTile - 1) or zeros where that is negative, elements [at, at + kDepth),
// transposed. A warp has 8 elements of 4 rows: whole sectors to read, and to write 4 neighbours in each of 8 rows,
// which lie in 32 different banks.
template <class RowOf>
__device__ void fetch(TileF32::Operand& to, const float* matrix, int64_t stride, int64_t k, int64_t at,
                      RowOf&& row_of) {
  constexpr int kAtOnce = 8;
  for (int i = int(threadIdx.x); i < kTile * kDepth; i += kThreads) {
    const int row = i / kAtOnce % kTile, col = i / kAtOnce / kTile * kAtOnce + i % kAtOnce;
    const int64_t from = row_of(row);
    to[col][row] = from >= 0 && at + col < k ? matrix[from * stride + at + col] : 0;
  }
}

template <bool kGate>
__global__ void __launch_bounds__(kThreads, 2) linear_f32(const __grid_constant__ LinearArgs<float> a) {
  TileF32& tile = shared<TileF32>();
  constexpr int kSize = kGate ? kEach / 2 : kEach;  // columns of y in a thread
  const int64_t first_row = int64_t(blockIdx.y) * kTile, first_col = int64_t(blockIdx.x) * kAcross * kSize;
  const int my_row = TileF32::row(), my_col = TileF32::col();
  const auto x_row = [&](int row) { return first_row + row < a.end.rows ? first_row + row : -1; };
  // Each thread's columns, with a gate the values of some and then their gates.
  const auto w_row = [&](int row) {
    const int64_t col = first_col + row / kEach * kSize + row % kSize;
    return col < a.end.cols ? row % kEach / kSize * a.end.cols + col : -1;
  };

  float sum[kEach][kEach] = {};
  for (int64_t at = 0; at < a.k; at += kDepth) {
    __syncthreads();  // everyone has read the step before
    fetch(tile.x, a.x, a.x_stride, a.k, at, x_row);
    fetch(tile.w, a.w, a.w_stride, a.k, at, w_row);
    __syncthreads();  // everyone's part of this one is there
    tile.multiply(sum, my_row, my_col);
  }

  const int64_t row = first_row + my_row, col = first_col + my_col / kEach * kSize;
  if (col >= a.end.cols) return;
  const Columns<float, kGate, kSize> columns(a.end, col);
  for (int i = 0; i < kEach; ++i)
    if (row + i < a.end.rows) columns.finish(a.end, a.end.row(row + i), sum[i], sum[i] + kSize % kEach);
}

}  // namespace

template <bool kGate>
void launch_linear_f32(const LinearArgs<float>& args, const Queue& queue) {
  const dim3 grid(unsigned(ceil_div(args.end.cols, kGate ? kTile / 2 : kTile)),
                  unsigned(ceil_div(args.end.rows, kTile)));
  launch<TileF32, linear_f32<kGate>>(grid, kThreads, queue, args);
}
template void launch_linear_f32<false>(const LinearArgs<float>&, const Queue&);
template void launch_linear_f32<true>(const LinearArgs<float>&, const Queue&);

}  // namespace seedstory
