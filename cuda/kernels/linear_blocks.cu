// Linear and GatedLinear (ops.h) for f16 and bf16, w in q8 or q4, on the tensor cores; 1 to 8 rows are
// linear_gemv_blocks.cu.
//
// Work    As linear.cu, but for where w comes from: a warp loads 512 bytes of a panel (block_panels.h), 16 rows of
//         32 of k or in q4 of 64, a step before they are wanted, makes numbers of T of them and stores those in the
//         stage, 16 bytes a lane and row. Each is unpacked once a block of the grid; the main loop is that of all
//         products. An integer becomes a number of T without rounding; times the scale it is rounded once.
// Limits  As linear.cu. In f16 a weight beyond 65504 is infinite.
// Error   As linear.cu, and the rounding of each weight to T, by at most half of its last place.
#include "../device/block_panels.cuh"
#include "../launch_op.h"
#include "linear.cuh"

namespace seedstory {
namespace {

// A pair of integers times a scale.
template <class T>
__device__ uint32_t scaled(uint32_t pair, f16 scale);
template <>
__device__ inline uint32_t scaled<f16>(uint32_t pair, f16 scale) {
  const Vec<f16, 2> twice = {scale, scale};
  uint32_t scales;
  memcpy(&scales, &twice, 4);
  return fma_pair<f16>(pair, scales, 0);
}
template <>
__device__ inline uint32_t scaled<bf16>(uint32_t pair, f16 scale) {  // a scale has more bits than bf16
  const uint32_t bits[2] = {pair << 16, pair & 0xffff0000};
  float numbers[2];
  memcpy(numbers, bits, 8);
  return pack<bf16>(numbers[0] * to_float(scale), numbers[1] * to_float(scale));
}

// A source of w (gemm.cuh): a tile's columns are panels, a warp has some of them.
template <class T, int kBits, class Tile, bool kGate>
class PanelRows {
  static constexpr int kPanels = Tile::cols / 16, kMine = int(ceil_div(kPanels, Tile::warps));
  static constexpr int kPieceBlocks = 8 / kBits;
  static constexpr int kHeight = kGate ? 8 : 16;                         // rows from a panel to the next, in the tile
  static constexpr int kApart = (kGate ? Tile::cols / 2 : 8) * kChunks;  // from a lane's row to its other one

 public:
  // The tile's first column is the first of a panel.
  __device__ PanelRows(const BlockPanels& w, int64_t first_panel) {
    const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
    const int64_t first = first_panel + warp;
    panel_blocks_ = int(w.blocks);
    panels_ =
        first < w.panels ? int(min(ceil_div(kPanels - warp, Tile::warps), ceil_div(w.panels - first, Tile::warps))) : 0;
    values_ = static_cast<const Vec<uint32_t>*>(w.values) + first * (w.blocks / kPieceBlocks) * kWarp + lane;
    scales_ = w.scales + (first * w.blocks * 8 + lane / 4) * 2;
    at_ = swizzled<kChunks>(warp * kHeight + lane / 4, lane % 4);
    left_ = panel_blocks_;
    load();
  }

  __device__ void fetch(Vec<T>* stage) {
#pragma unroll
    for (int i = 0; i < kMine; ++i) {
      if (i >= panels_) continue;
      Vec<T>* const to = stage + at_ + i * Tile::warps * kHeight * kChunks;
      store_row(to, words_[i].v, scale_[i].v[0]);
      store_row(to + kApart, words_[i].v + kBits / 4, scale_[i].v[1]);
    }
    --left_;
    load();
  }

 private:
  static __device__ void store_row(Vec<T>* to, const uint32_t* words, f16 scale) {
    Vec<uint32_t> row;
    unpack<T, kBits>(row.v, words);
    for (uint32_t& pair : row.v) pair = scaled<T>(pair, scale);
    store_vec(to, row);
  }

  // Of the next block.
  __device__ void load() {
    if (left_ == 0) return;
    const bool is_loaded = kPieceBlocks == 2 && left_ % 2 == 1;  // with the one before; they are an even number
#pragma unroll
    for (int i = 0; i < kMine; ++i) {
      if (i >= panels_) continue;
      scale_[i] = load_vec<Vec<f16, 2>>(scales_ + i * Tile::warps * panel_blocks_ * 16);
      if (is_loaded)
        words_[i].v[0] = words_[i].v[2], words_[i].v[1] = words_[i].v[3];
      else
        words_[i] = load_vec<Vec<uint32_t>>(values_ + i * Tile::warps * (panel_blocks_ / kPieceBlocks) * kWarp);
    }
    scales_ += 16;
    if (!is_loaded) values_ += kWarp;
  }

  const Vec<uint32_t>* values_;
  const f16* scales_;
  int panel_blocks_, panels_, at_;
  int left_;  // blocks from the one on that is loaded
  Vec<uint32_t> words_[kMine] = {};
  Vec<f16, 2> scale_[kMine] = {};
};

template <class T, class Tile>
union Shared {
  Ring<T, Tile> ring;
  TileOfSums<Tile> sums;
};

template <class T, int kBits, class Tile, bool kAligned, bool kGate>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) linear_blocks(const __grid_constant__ BlockArgs<T> a) {
  auto& memory = shared<Shared<T, Tile>>();
  constexpr int kCols = kGate ? Tile::cols / 2 : Tile::cols;  // of y
  const int64_t first_row = int64_t(blockIdx.y) * Tile::rows, first_col = int64_t(blockIdx.x) * kCols;
  MatrixRows<T, Tile::rows, Tile::threads, kAligned> x(
      a.x, a.x_stride, a.k, [&](int row) { return first_row + row < a.end.rows ? first_row + row : -1; });
  PanelRows<T, kBits, Tile, kGate> w(a.w, int64_t(blockIdx.x) * (Tile::cols / 16));
  Sums<Tile> sum = {};
  multiply(sum, memory.ring, x, w, int(a.k / kDepth));
  __syncthreads();  // everyone has read the last stage, which lies where the sums go
  finish<T, Tile, kGate>(a.end, sum, memory.sums, first_row, first_col, [&](int64_t row) { return a.end.row(row); });
}

template <class T, int kBits, class Tile, bool kAligned, bool kGate>
void launch_tiles(const BlockArgs<T>& args, const Queue& queue) {
  const dim3 grid(unsigned(ceil_div(args.end.cols, kGate ? Tile::cols / 2 : Tile::cols)),
                  unsigned(ceil_div(args.end.rows, Tile::rows)));
  launch<Shared<T, Tile>, linear_blocks<T, kBits, Tile, kAligned, kGate>>(grid, Tile::threads, queue, args);
}

template <class T, int kBits, bool kGate>
void launch_bits(const BlockArgs<T>& args, bool aligned, const ProductSize& product, const Queue& queue) {
  if (!aligned) return launch_tiles<T, kBits, Narrow, false, kGate>(args, queue);
  BlockTiles::with(BlockTiles::best(product, queue.multiprocessors),
                   [&]<class Tile>() { launch_tiles<T, kBits, Tile, true, kGate>(args, queue); });
}

template <bool kGate, class T, class Op>
void launch_type(const Op& op, const Tensor& residual, const Queue& queue) {
  const BlockArgs<T> args{.x = static_cast<const T*>(op.x.data),
                          .x_stride = op.x.row_stride(),
                          .k = op.x.cols(),
                          .w = block_panels_of(op, queue),
                          .end = epilogue(op.y, op.bias, residual, op.act)};
  const bool aligned = in_pieces_of_16_bytes(op.x);
  const ProductSize product{.rows = op.x.rows(), .cols = op.w.values.rows(), .k = op.x.cols()};
  if (args.end.rows <= kGemvRows)
    launch_linear_gemv_blocks<T, kGate>(args, aligned, queue);
  else if (args.w.is_q4)
    launch_bits<T, 4, kGate>(args, aligned, product, queue);
  else
    launch_bits<T, 8, kGate>(args, aligned, product, queue);
}

}  // namespace

template <class Op>
void launch_linear_blocks(const Op& op, const Tensor& residual, const Queue& queue) {
  constexpr bool kGate = std::is_same_v<Op, GatedLinear>;
  if (op.x.dtype == DType::f32)
    fail(std::string(Op::name) + ": w is " + op.w.str() + " beside x in f32, the CUDA backend wants f16 or bf16 there");
  if (op.x.dtype == DType::f16)
    launch_type<kGate, f16>(op, residual, queue);
  else
    launch_type<kGate, bf16>(op, residual, queue);
}
template void launch_linear_blocks(const Linear&, const Tensor&, const Queue&);
template void launch_linear_blocks(const GatedLinear&, const Tensor&, const Queue&);

}  // namespace seedstory
