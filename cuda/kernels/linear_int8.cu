// Linear and GatedLinear (ops.h) of rows in f16 or bf16 by weights in q8, as products of int8 on the tensor cores.
//
// Work    round_int8.cu rounds the rows once, then a block computes one tile of sums (gemm_int8.cuh). What is asked for
//         most is not an mma but what scales its sums: 8 fma for each lane and mma.
// Limits  k whole blocks of 32, as q8 has it; with a gate columns of y by four.
// Error   Against f64 of the rounded rows: two f32 roundings for each block of 32 and those of the epilogue, then the
//         last place of y's type. The CPU rounds the product of both scales instead of a block's with one of them, so
//         sums differ from its in the last places. k is added block after block, whatever the tile.
#include "../choose.h"
#include "../device/epilogue.cuh"
#include "../device/gemm_int8.cuh"
#include "linear_int8.h"

namespace seedstory {
namespace {

// A warp has 64 x 32 of the sums in both. Beside those, what it multiplies, scales and an mma's integers do not fit 128
// registers, so an SM has eight warps.
using Int8Tiles = Tiles<Tile<64, 128, 64, 32>, Tile<128, 128, 64, 32>>;
template <class Tile>
inline constexpr int kBlocks = 256 / Tile::threads;

constexpr int kPackThreads = 256;

struct Args {
  Int8Rows x, w;  // (rows, k), (n, k), gated (2 n, k)
  int64_t k;
  Epilogue end;
};

template <class Tile>
union Shared {
  Int8Ring<Tile> ring;
  TileOfSums<Tile> sums;
};

template <class T, class Tile, bool kGate>
__global__ void __launch_bounds__(Tile::threads, kBlocks<Tile>) linear_int8(const __grid_constant__ Args a) {
  auto& memory = shared<Shared<Tile>>();
  constexpr int kCols = kGate ? Tile::cols / 2 : Tile::cols;  // of y
  const int64_t first_row = int64_t(blockIdx.y) * Tile::rows, first_col = int64_t(blockIdx.x) * kCols;
  const auto row_of_x = [&](int row) { return first_row + row < a.end.rows ? first_row + row : -1; };
  const auto row_of_w = [&](int row) {
    const int64_t col = first_col + row % kCols;
    return col < a.end.cols ? row / kCols * a.end.cols + col : -1;
  };
  MatrixRows<int8_t, Tile::rows, Tile::threads, true> x(a.x.values, a.k, a.k, row_of_x);
  MatrixRows<int8_t, Tile::cols, Tile::threads, true> w(a.w.values, a.k, a.k, row_of_w);
  Int8Scales<Tile> scales(a.x, row_of_x, a.w, row_of_w, a.k / kWeightBlock);
  Sums<Tile> sum = {};
  multiply_int8(sum, memory.ring, x, w, scales, int(ceil_div(a.k, kInt8Depth)));
  __syncthreads();  // everyone has read the last stage, which lies where the sums go
  finish<T, Tile, kGate>(a.end, sum, memory.sums, first_row, first_col, [&](int64_t row) { return a.end.row(row); });
}

// Thread i is row i % stride of block i / stride.
__global__ void __launch_bounds__(kPackThreads) pack_scales(const f16* from, Int8Rows to, int64_t rows, int blocks) {
  const int64_t i = int64_t(blockIdx.x) * kPackThreads + threadIdx.x, block = i / to.stride, row = i % to.stride;
  if (block < blocks) to.scales[i] = row < rows ? to_float(from[row * blocks + block]) : 0;
}

}  // namespace

std::unique_ptr<PackedInt8> pack_int8(const Weight& weight, const Tensor& scales, const Queue& queue) {
  const int64_t rows = weight.values.dim[0], blocks = scales.dim[1];
  const Int8Rows to(weight.values.data, rows, weight.values.dim[1]);
  launch<NoShared, pack_scales>(dim3(unsigned(ceil_div(to.stride * blocks, kPackThreads))), kPackThreads, queue,
                                static_cast<const f16*>(scales.data), to, rows, int(blocks));
  return std::make_unique<PackedInt8>(to);
}

template <class Op>
void launch_linear_int8(const Op& op, const Tensor& residual, const Queue& queue) {
  constexpr bool kGate = std::is_same_v<Op, GatedLinear>;
  const int64_t rows = op.x.rows(), k = op.x.cols();
  if (kGate && op.y.cols() % 4 != 0)
    fail(std::string(op.name) + ": y is " + op.y.str() + ", products in int8 want columns by four");
  Args args{.x = {queue.scratch, rows, k},
            .w = static_cast<const PackedInt8*>(op.w.packed)->rows,
            .k = k,
            .end = epilogue(op.y, op.bias, residual, op.act)};
  args.w.values += op.w.first_row * k, args.w.scales += op.w.first_row;
  round_int8(op.x, args.x, queue);
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    if constexpr (sizeof(T) != 4)
      Int8Tiles::with(Int8Tiles::best({rows, op.w.values.rows(), k}, queue.multiprocessors), [&]<class Tile>() {
        const dim3 grid(unsigned(ceil_div(args.end.cols, kGate ? Tile::cols / 2 : Tile::cols)),
                        unsigned(ceil_div(rows, Tile::rows)));
        launch<Shared<Tile>, linear_int8<T, Tile, kGate>>(grid, Tile::threads, queue, args);
      });
  });
}
template void launch_linear_int8(const Linear& op, const Tensor& residual, const Queue& queue);
template void launch_linear_int8(const GatedLinear& op, const Tensor& residual, const Queue& queue);

}  // namespace seedstory
