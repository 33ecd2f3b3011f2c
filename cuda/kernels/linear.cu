// Linear (ops.h):  y <- act(x wT + bias) + residual, for f16 and bf16 on the tensor cores. docs/kernels/linear.md tells
// the story; f32 is linear_f32.cu.
//
// Work    A block computes one tile of y (gemm.cuh): tiles of x and w come 32 of k at a time through a ring in shared
//         memory; each warp keeps its part of y in registers and adds k 16 by 16 with mma. 2 rows n k flops; a tile's
//         operands are read once a tile, from L2 where its neighbours have just been.
// Limits  Any rows, k and n. Rows of x and w that are not whole pieces of 16 bytes are loaded element by element, rows
//         of y, residual and bias that do not start at multiples of 16 bytes are stored so.
// Error   Against f64: the sum's f32 roundings, k of them at random, then the last place of y's type. k is added in one
//         order, step after step of 16 from zero, whatever the tile: an element's bits depend on its row of x, its row
//         of w and k alone.
#include "../choose.h"
#include "../device/epilogue.cuh"
#include "../launch_op.h"
#include "linear_f32.h"

namespace seedstory {
namespace {

template <class T>
struct Args {
  const T* x;                  // (rows, k)
  const T* w;                  // (n, k)
  int64_t x_stride, w_stride;  // elements from row to row
  int64_t k;
  Epilogue end;  // rows x n of y
};

template <class T, class Tile>
union Shared {
  Ring<T, Tile> ring;
  TileOfSums<Tile> sums;
};

template <class T, class Tile, bool kAligned>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) linear(const __grid_constant__ Args<T> a) {
  auto& memory = shared<Shared<T, Tile>>();
  const int64_t first_row = int64_t(blockIdx.y) * Tile::rows, first_col = int64_t(blockIdx.x) * Tile::cols;
  MatrixRows<T, Tile::rows, Tile::threads, kAligned> x(
      a.x, a.x_stride, a.k, [&](int row) { return first_row + row < a.end.rows ? first_row + row : -1; });
  MatrixRows<T, Tile::cols, Tile::threads, kAligned> w(
      a.w, a.w_stride, a.k, [&](int col) { return first_col + col < a.end.cols ? first_col + col : -1; });
  Sums<Tile> sum = {};
  multiply(sum, memory.ring, x, w, int(ceil_div(a.k, kDepth)));
  __syncthreads();  // everyone has read the last stage, which lies where the sums go
  finish<T, Tile, false>(a.end, sum, memory.sums, first_row, first_col);
}

template <class T>
void launch_tensor_core(const Linear& op, const Queue& queue) {
  const Args<T> args{.x = static_cast<const T*>(op.x.data),
                     .w = static_cast<const T*>(op.w.values.data),
                     .x_stride = op.x.row_stride(),
                     .w_stride = op.w.values.row_stride(),
                     .k = op.x.cols(),
                     .end = epilogue(op.y, op.bias, op.residual, op.act)};
  const auto start = [&]<class Tile, bool kAligned>() {
    const dim3 grid(unsigned(ceil_div(op.y.cols(), Tile::cols)), unsigned(ceil_div(op.y.rows(), Tile::rows)));
    launch<Shared<T, Tile>, linear<T, Tile, kAligned>>(grid, Tile::threads, queue, args);
  };
  if (!has_16_byte_rows(op.x) || !has_16_byte_rows(op.w.values) || args.k % Vec<T>::size != 0)
    start.template operator()<Narrow, false>();
  else if (op.y.rows() <= kNarrowRows)
    start.template operator()<Narrow, true>();
  else
    start.template operator()<Wide, true>();
}

}  // namespace

void launch_op(const Linear& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  if (op.w.values.dtype != op.x.dtype)
    fail("Linear: w is " + op.w.str() + ", the CUDA backend wants " + name_of(op.x.dtype));
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    if constexpr (sizeof(T) == 4)
      launch_linear_f32(op, queue);
    else
      launch_tensor_core<T>(op, queue);
  });
}

}  // namespace seedstory
