// The tiles of products on the tensor cores, and which of them a product takes (device/gemm.cuh multiplies them). Plain
// C++: what a card will be asked for can be told where there is none.
#pragma once

#include <algorithm>
#include <cstdint>

namespace seedstory {

inline constexpr int kDepth = 32;  // of k in a step of the main loop

template <int kRows, int kCols, int kWarpRows, int kWarpCols>
struct Tile {
  static constexpr int rows = kRows, cols = kCols;  // of sums
  static constexpr int warp_rows = kWarpRows, warp_cols = kWarpCols;
  static constexpr int warps_across = kCols / kWarpCols;
  static constexpr int warps = kRows / kWarpRows * warps_across;
  static constexpr int threads = warps * 32;
  static constexpr int blocks = 512 / threads;  // an SM, at least: 128 registers a thread
  static_assert(kRows % kWarpRows == 0 && kCols % kWarpCols == 0 && kWarpRows % 16 == 0 && kWarpCols % 16 == 0);

  // Of a product of so many rows and columns.
  static constexpr int64_t tiles_of(int64_t product_rows, int64_t product_cols) {
    return ((product_rows + rows - 1) / rows) * ((product_cols + cols - 1) / cols);
  }
};

using Narrow = Tile<16, 64, 16, 16>;
// 64 flops for each byte that enters shared memory, in 64 KiB and 128 registers, two blocks an SM.
using Wide = Tile<128, 128, 64, 32>;

// Cycles that an A100's multiprocessor spends on a tile for 16 of k: its four tensor cores take 8 a mma, its shared
// memory one for each wavefront of copies and ldmatrix, and 64 bytes come from L2 in one.
template <class Tile>
constexpr int64_t cycles_of() {
  const int64_t bytes = (Tile::rows + Tile::cols) * 32;
  const int64_t mma = Tile::rows / 16 * Tile::cols / 8 * 8 / std::min(Tile::warps, 4);
  const int64_t ldmatrix = Tile::warps * (Tile::warp_rows + Tile::warp_cols) / 16 * 4;
  return std::max({mma, ldmatrix + bytes / 128, bytes / 64});
}

// The same for a product of rows x cols, on the multiprocessor that has most to do.
template <class Tile>
constexpr int64_t cycles_of(int64_t rows, int64_t cols, int64_t multiprocessors) {
  return (Tile::tiles_of(rows, cols) + multiprocessors - 1) / multiprocessors * cycles_of<Tile>();
}

// The tiles that there are, and the one that is done first; of two alike the larger one, which reads less.
//
// 80 and 112 rows are for the 66 of a picture's tokens in the LLM and for prompts of a hundred: as 128 they would be up
// to twice as many, and 128 columns a block would leave most of an A100 idle.
// Rejected: 128 x 256 and 256 x 128, one block an SM, whose barriers nobody fills; 80 and 112 x 64 in two warps, which
// leave tensor cores idle where a multiprocessor has one block; 80 x 32, slower than 80 x 64 for
// the same columns.
template <class... Candidates>
struct Tiles {
  static constexpr int count = sizeof...(Candidates);

  static constexpr int best(int64_t rows, int64_t cols, int64_t multiprocessors) {
    const int64_t cycles[] = {cycles_of<Candidates>(rows, cols, multiprocessors)...};
    int best = 0;
    for (int i = 1; i < count; ++i)
      if (cycles[i] <= cycles[best]) best = i;
    return best;
  }

  // f.operator()<Tile>().
  template <class F>
  static void with(int index, F&& f) {
    int i = 0;
    ((i++ == index && (f.template operator()<Candidates>(), true)) || ...);
  }
};
using GemmTiles = Tiles<Narrow, Tile<80, 64, 80, 16>, Tile<112, 64, 112, 16>, Wide>;

}  // namespace seedstory
