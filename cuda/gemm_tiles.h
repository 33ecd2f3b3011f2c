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
  // An SM, at least: 128 registers a thread, 168 where sums alone are more than 80.
  static constexpr int blocks = (kWarpRows * kWarpCols / 32 > 80 ? 384 : 512) / threads;
  static_assert(kRows % kWarpRows == 0 && kCols % kWarpCols == 0 && kWarpRows % 16 == 0 && kWarpCols % 8 == 0);

  // Of a product of so many rows and columns.
  static constexpr int64_t tiles_of(int64_t product_rows, int64_t product_cols) {
    return ((product_rows + rows - 1) / rows) * ((product_cols + cols - 1) / cols);
  }
};

using Narrow = Tile<16, 64, 16, 16>;
// 64 flops for each byte that enters shared memory, in 64 KiB and 128 registers, two blocks an SM.
using Wide = Tile<128, 128, 64, 32>;

// `parts` products of one size run at once.
struct ProductSize {
  int64_t rows, cols, k, parts = 1;
};

// Cycles that an A100's multiprocessor spends on a tile: its four tensor cores take 8 a mma; its shared memory one for
// each wavefront of copies and ldmatrix, and of the sums on their way out and back; and 47 bytes come from L2 in one
// (5120 for all 108). The tiles of other cards are chosen by it as well, with their number of multiprocessors. An
// H100's mma.sync takes 6.4 cycles (docs/decisions/0013-static-roofline.md), so that there shared memory is the nearer
// limit of the wide tiles, which this does not see.
template <class Tile>
constexpr int64_t cycles_of(int64_t k) {
  const int64_t steps = (k + 15) / 16, bytes = (Tile::rows + Tile::cols) * 32;
  const int64_t mma = Tile::rows / 16 * Tile::cols / 8 * 8 / std::min(Tile::warps, 4);
  const int64_t ldmatrix = Tile::warps * (Tile::warp_rows + Tile::warp_cols) / 4;
  const int64_t sums = Tile::rows * Tile::cols * 4 / 128 * 2;
  return std::max({steps * mma, steps * (ldmatrix + bytes / 128) + sums, steps * bytes / 47});
}

// The same for a product, on the multiprocessor that has most to do.
template <class Tile>
constexpr int64_t cycles_of(const ProductSize& product, int64_t multiprocessors) {
  const int64_t tiles = Tile::tiles_of(product.rows, product.cols) * product.parts;
  return (tiles + multiprocessors - 1) / multiprocessors * cycles_of<Tile>(product.k);
}

// The tiles that there are, and the one that is done first; of two alike the later one.
//
// 80 and 112 rows of 64 are for the 65 of a picture's tokens in the LLM and for prompts of a hundred: as 128 they would
// be up to twice as many, and 128 columns a block would leave most of an A100 idle. 160 columns divide the 320, 640 and
// 1280 of the UNet: 2048 x 1280 is 128 tiles of 128 x 160 for the 132 multiprocessors of an H100, and 208 of 80 x 160
// for the 108 of an A100, 0.95 of what they can; 128 x 128 leaves it at 0.74.
// Rejected: 128 x 256, 256 x 128, 160 x 160, 256 x 104 and 192 x 144, one block an SM, whose barriers nobody fills; 80
// and 112 x 64 in two warps, which leave tensor cores idle where a multiprocessor has one block; 80 x 32, slower than
// 80 x 64 for the same columns; 112 x 128 and 128 x 64, which come to 0.85 where 80 x 160 comes to 0.95; 128 x 96,
// which gains 4 % for products of thousands of columns and loses a third of an A100 at 1280.
template <class... Candidates>
struct Tiles {
  static constexpr int count = sizeof...(Candidates);

  static constexpr int best(const ProductSize& product, int64_t multiprocessors) {
    const int64_t cycles[] = {cycles_of<Candidates>(product, multiprocessors)...};
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
using GemmTiles =
    Tiles<Narrow, Tile<80, 64, 80, 16>, Tile<112, 64, 112, 16>, Wide, Tile<128, 160, 64, 40>, Tile<80, 160, 80, 40>>;

// Where w is in q8 or q4 (kernels/linear_blocks.cu): what unpacks has registers of its own, and 128 x 160 has none
// left.
using BlockTiles = Tiles<Narrow, Tile<80, 64, 80, 16>, Wide, Tile<80, 160, 80, 40>>;

}  // namespace seedstory
