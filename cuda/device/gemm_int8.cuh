// Products of rows in int8 and weights in q8 on the tensor cores: gemm.cuh's ring and sources, with sums that are
// scaled every 32 of k.
//
// A row of a stage is 64 of k, two blocks. One mma is a block, whose sum of products is exact; then
//
//   sum <- fma(block * scale of w, scale of x, sum)
//
// block after block from zero, whatever the tile. So an mma of 8 cycles (A100) brings 8 fma for each lane, which take
// 16 there: docs/decisions/0017-int8-products-on-a-card.md says for which cards that is a gain. An mma begins at
// kShiftBits, so that what it leaves is a float already.
#pragma once

#include "gemm.cuh"
#include "int8.cuh"

namespace seedstory {

inline constexpr int kInt8Depth = 64, kInt8Blocks = 2;  // of k in a step; of them a sum is scaled at

template <class Tile>
struct Int8Ring {
  Vec<int8_t> x[kStages][Tile::rows * kChunks];
  Vec<int8_t> w[kStages][Tile::cols * kChunks];
  // Of x's rows in the first block and in the second, then of w's.
  float scales[kStages][kInt8Blocks * (Tile::rows + Tile::cols)];
};

// A source of a stage's scales (Int8Rows in kernels/round_int8.h). A thread brings four of one operand, or none.
template <class Tile>
class Int8Scales {
  static constexpr int kOfX = kInt8Blocks * Tile::rows / 4, kAll = kOfX + kInt8Blocks * Tile::cols / 4;
  static_assert(kAll <= Tile::threads);

 public:
  // The rows of x and w that are rows of the tile, or none where they are negative; four from a multiple of four on
  // are neighbours.
  template <class RowOfX, class RowOfW>
  __device__ Int8Scales(const Int8Rows& x, RowOfX&& row_of_x, const Int8Rows& w, RowOfW&& row_of_w, int64_t blocks) {
    const bool of_x = int(threadIdx.x) < kOfX;
    const int piece = int(threadIdx.x) - (of_x ? 0 : kOfX), pieces = (of_x ? Tile::rows : Tile::cols) / 4;
    const int block = piece / pieces, at = piece % pieces * 4;
    const int64_t row = of_x ? row_of_x(at) : int(threadIdx.x) < kAll ? row_of_w(at) : -1;
    const Int8Rows& of = of_x ? x : w;
    left_ = row < 0 ? 0 : int(blocks) - block;
    from_ = of.scales + (left_ > 0 ? block * of.stride + row : 0);
    step_ = kInt8Blocks * of.stride;
  }

  __device__ void fetch(float* stage) {
    if (int(threadIdx.x) < kAll) copy_async(stage + threadIdx.x * 4, from_, left_ > 0 ? 16 : 0);
    from_ += step_, left_ -= kInt8Blocks;
  }

 private:
  const float* from_;
  int64_t step_;
  int left_;  // blocks from there on; none where it is not positive
};

// sum += x wT over a block of a stage.
template <class Tile>
__device__ void add_block(Sums<Tile>& sum, const Vec<int8_t>* x_stage, const Vec<int8_t>* w_stage, const float* scales,
                          int block) {
  const int lane = int(threadIdx.x) % kWarp;
  constexpr int kDown = Tile::warp_rows / 16, kAcross = Tile::warp_cols / 8;
  static_assert(kAcross % 2 == 0);
  // As in gemm.cuh: a block is what 16 of k are there.
  const int x_at = swizzled<kChunks>(warp_row<Tile>() + lane % 16, block * 2 + lane / 16);
  const int w_at = swizzled<kChunks>(warp_col<Tile>() + lane / 16 * 8 + lane % 8, block * 2 + lane / 8 % 2);
  const float* const x_scales = scales + block * Tile::rows + warp_row<Tile>() + lane / 4;
  const float* const w_scales =
      scales + kInt8Blocks * Tile::rows + block * Tile::cols + warp_col<Tile>() + lane % 4 * 2;
  const int32_t from[4] = {kShiftBits, kShiftBits, kShiftBits, kShiftBits};

  uint32_t x_frag[kDown][4];
  float x_scale[kDown][2];
  for (int i = 0; i < kDown; ++i) {
    ldmatrix(x_frag[i], x_stage + x_at + i * 16 * kChunks);
    for (int half = 0; half < 2; ++half) x_scale[i][half] = x_scales[i * 16 + half * 8];
  }
  uint32_t w_frag[4];
#pragma unroll
  for (int j = 0; j < kAcross; ++j) {
    if (j % 2 == 0) ldmatrix(w_frag, w_stage + w_at + j * 8 * kChunks);
    const auto w_scale = load_vec<Vec<float, 2>>(w_scales + j * 8);
    // Exact, and so is what the fma subtracts: kShift has two significant bits, a scale of w eleven.
    const float shifted[2] = {-kShift * w_scale.v[0], -kShift * w_scale.v[1]};
#pragma unroll
    for (int i = 0; i < kDown; ++i) {
      int32_t integers[4];
      mma_s8(integers, x_frag[i], {w_frag[j % 2 * 2], w_frag[j % 2 * 2 + 1]}, from);
      for (int e = 0; e < 4; ++e) {
        const float of_w = fmaf(float_of(uint32_t(integers[e])), w_scale.v[e % 2], shifted[e % 2]);
        sum[i][j][e] = fmaf(of_w, x_scale[i][e / 2], sum[i][j][e]);
      }
    }
  }
}

// sum += x wT over `steps` of kInt8Depth; else as multiply() of gemm.cuh.
template <class Tile, class XSource, class WSource>
__device__ void multiply_int8(Sums<Tile>& sum, Int8Ring<Tile>& ring, XSource& x, WSource& w, Int8Scales<Tile>& scales,
                              int steps) {
  const auto fetch = [&](unsigned stage) {
    x.fetch(ring.x[stage]), w.fetch(ring.w[stage]), scales.fetch(ring.scales[stage]);
  };
  const auto use = [&](unsigned stage) {
#pragma unroll
    for (int block = 0; block < kInt8Blocks; ++block)
      add_block<Tile>(sum, ring.x[stage], ring.w[stage], ring.scales[stage], block);
  };
  through_ring(steps, fetch, use);
}

}  // namespace seedstory
