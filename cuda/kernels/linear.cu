// Linear and GatedLinear (ops.h):  y <- act(x wT + bias) + residual,  y <- a * act(g), for f16 and bf16 on the tensor
// cores. docs/kernels/linear.md tells the story; f32 is linear_f32.cu, 1 to 8 rows are linear_gemv.cu, weights in q8
// and q4 linear_blocks.cu, rows in int8 linear_int8.cu.
//
// Work    A block computes one tile of sums (gemm.cuh): tiles of x and w come 32 of k at a time through a ring in
//         shared memory; each warp keeps its part in registers and adds k 16 by 16 with mma. 2 rows n k flops; a
//         tile's operands are read once a tile, from L2 where its neighbours have just been. With a gate half of w's
//         tile are the values of some columns, the other half their gates, and the epilogue joins them.
// Limits  Any rows, k and n. Rows of x and w that are not whole pieces of 16 bytes are loaded element by element, rows
//         of y, residual and bias that do not start at multiples of 16 bytes are stored so.
// Error   Against f64: the sum's f32 roundings, k of them at random, then the last place of y's type; with a gate the
//         product of two such. k is added in one order, step after step of 16 from zero, whatever the tile: a sum's
//         bits depend on its row of x, its row of w and k alone.
#include "../launch_op.h"
#include "linear.cuh"
#include "linear_int8.h"

namespace seedstory {
namespace {

template <class T, class Tile>
union Shared {
  Ring<T, Tile> ring;
  TileOfSums<Tile> sums;
};

template <class T, class Tile, bool kAligned, bool kGate>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) linear(const __grid_constant__ LinearArgs<T> a) {
  auto& memory = shared<Shared<T, Tile>>();
  constexpr int kCols = kGate ? Tile::cols / 2 : Tile::cols;  // of y
  const int64_t first_row = int64_t(blockIdx.y) * Tile::rows, first_col = int64_t(blockIdx.x) * kCols;
  MatrixRows<T, Tile::rows, Tile::threads, kAligned> x(
      a.x, a.x_stride, a.k, [&](int row) { return first_row + row < a.end.rows ? first_row + row : -1; });
  MatrixRows<T, Tile::cols, Tile::threads, kAligned> w(a.w, a.w_stride, a.k, [&](int row) {
    const int64_t col = first_col + row % kCols;
    return col < a.end.cols ? row / kCols * a.end.cols + col : -1;
  });
  Sums<Tile> sum = {};
  multiply(sum, memory.ring, x, w, int(ceil_div(a.k, kDepth)));
  __syncthreads();  // everyone has read the last stage, which lies where the sums go
  finish<T, Tile, kGate>(a.end, sum, memory.sums, first_row, first_col, [&](int64_t row) { return a.end.row(row); });
}

template <class T, class Tile, bool kAligned, bool kGate>
void launch_tiles(const LinearArgs<T>& args, const Queue& queue) {
  const dim3 grid(unsigned(ceil_div(args.end.cols, kGate ? Tile::cols / 2 : Tile::cols)),
                  unsigned(ceil_div(args.end.rows, Tile::rows)));
  launch<Shared<T, Tile>, linear<T, Tile, kAligned, kGate>>(grid, Tile::threads, queue, args);
}

template <class Op>
void launch_linear(const Op& op, const Tensor& residual, const Queue& queue) {
  constexpr bool kGate = std::is_same_v<Op, GatedLinear>;
  if (op.y.numel() == 0) return;
  if (dynamic_cast<const PackedInt8*>(op.w.packed)) return launch_linear_int8(op, residual, queue);
  if (op.w.scales) return launch_linear_blocks(op, residual, queue);
  if (op.w.values.dtype != op.x.dtype)
    fail(std::string(op.name) + ": w is " + op.w.str() + ", the CUDA backend wants " + name_of(op.x.dtype));
  const ProductSize product{.rows = op.x.rows(), .cols = op.w.values.rows(), .k = op.x.cols()};
  const int best = GemmTiles::best(product, queue.multiprocessors);
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    const LinearArgs<T> args{.x = static_cast<const T*>(op.x.data),
                             .w = static_cast<const T*>(op.w.values.data),
                             .x_stride = op.x.row_stride(),
                             .w_stride = op.w.values.row_stride(),
                             .k = op.x.cols(),
                             .end = epilogue(op.y, op.bias, residual, op.act)};
    const bool aligned = in_pieces_of_16_bytes(op.x) && in_pieces_of_16_bytes(op.w.values);
    if constexpr (sizeof(T) == 4)
      launch_linear_f32<kGate>(args, queue);
    else if (args.end.rows <= kGemvRows)
      launch_linear_gemv<T, kGate>(args, aligned, queue);
    else if (aligned)
      GemmTiles::with(best, [&]<class Tile>() { launch_tiles<T, Tile, true, kGate>(args, queue); });
    else
      launch_tiles<T, Narrow, false, kGate>(args, queue);
  });
}

}  // namespace

void launch_op(const Linear& op, const Queue& queue) {
  launch_linear(op, op.residual, queue);
}

void launch_op(const GatedLinear& op, const Queue& queue) {
  launch_linear(op, Tensor{}, queue);
}

}  // namespace seedstory
