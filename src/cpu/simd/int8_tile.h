// Products of integers (kernels.h, Int8Kernels), written once over the instructions that add four products a column.
//
// A tile is R rows by P panels, over a piece of the depth. What it keeps of each element are the sum of a block, in
// integers, and the sum of the blocks before. Panels stay in L1 while all rows go by; with few rows a tile is wide
// instead, so that a weight is read once.
//
// Dots is an instruction set's:
//   Lanes           sixteen f32
//   Sums            sixteen sums of a block, of integers
//   Weights         sixteen columns by four k, prepared for add()
//   Sums start(starts)            of a row and block
//   add(sums, weights, four)      += the products with four numbers of a row
//   Lanes finish(sums, starts)    of a block, as f32
//   weights(p, half)              from memory; of q4 the lower or the upper half of the bytes
#pragma once

#include <cstring>

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

template <class Dots, int kBits>
struct Int8Tile {
  using Lanes = typename Dots::Lanes;

  // Four k of 16 columns are 64 bytes, and eight of q4.
  static constexpr int kHalves = 8 / kBits, kGroups = kWeightBlock / 4 / kHalves;
  static constexpr int kBlockBytes = kWeightBlock * kNR * kBits / 8;
  static constexpr int kAheadBytes = 8 * kBlockBytes;  // weights come from beyond L2 at first

  static int32_t four(const int8_t* p) {
    int32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }

  template <int R, int P>
  static void multiply_block(const Int8Args& args, int64_t block, typename Dots::Sums (&dots)[R][P]) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) dots[r][p] = Dots::start(args.a.starts[r * args.a.blocks + block]);
    const uint8_t* b = args.b + block * kBlockBytes;
    const int8_t* a = args.a.values + block * kWeightBlock;
#pragma GCC unroll 8
    for (int group = 0; group < kGroups; ++group, b += 4 * kNR)
#pragma GCC unroll 2
      for (int half = 0; half < kHalves; ++half, a += 4) {
        typename Dots::Weights w[P];
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) {
          w[p] = Dots::weights(b + p * args.panel_bytes, half);
          if (R < 4 && half == 0) __builtin_prefetch(b + p * args.panel_bytes + kAheadBytes);
        }
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const int32_t x = four(a + r * args.a.stride);
#pragma GCC unroll 4
          for (int p = 0; p < P; ++p) dots[r][p] = Dots::add(dots[r][p], w[p], x);
        }
      }
  }

  template <int R, int P>
  static void run(const Int8Args& args) {
    Lanes sums[R][P];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p)
        sums[r][p] = args.accumulate ? Lanes::load(args.c + r * args.c_stride + p * kNR) : Lanes::all(0);
    for (int64_t block = 0; block < args.depth / kWeightBlock; ++block) {
      typename Dots::Sums dots[R][P];
      multiply_block<R, P>(args, block, dots);
      Lanes scales[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) scales[p] = Lanes::load_f16(args.b_scales + p * args.panel_scales + block * kNR);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Lanes scale = Lanes::all(args.a.scales[r * args.a.blocks + block]);
        const int32_t start = args.a.starts[r * args.a.blocks + block];
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) sums[r][p] = fma(Dots::finish(dots[r][p], start), scales[p] * scale, sums[r][p]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) sums[r][p].store(args.c + r * args.c_stride + p * kNR);
  }
};

// All rows of P panels, R at a time, then the rest.
template <class Tile, int R, int P>
void int8_rows(Int8Args args) {
  for (; args.rows >= R; args.rows -= R) {
    Tile::template run<R, P>(args);
    args.a.values += R * args.a.stride, args.a.scales += R * args.a.blocks, args.a.starts += R * args.a.blocks;
    args.c += R * args.c_stride;
  }
  if constexpr (R > 1)
    if (args.rows > 0) int8_rows<Tile, R - 1, P>(args);
}

template <class Tile, int R, int P>
void int8_panels(Int8Args args) {
  for (; args.panels >= P; args.panels -= P) {
    int8_rows<Tile, R, P>(args);
    args.b += P * args.panel_bytes, args.b_scales += P * args.panel_scales, args.c += P * kNR;
  }
  if constexpr (P > 1)
    if (args.panels > 0) int8_panels<Tile, R, P / 2>(args);
}

// Tiles of kRows by kPanels; where there are at most kFewRows, of those by twice as many panels.
template <class Dots, int kBits>
void multiply_int8(const Int8Args& args) {
  using Tile = Int8Tile<Dots, kBits>;
  if (args.rows <= Dots::kFewRows)
    int8_panels<Tile, Dots::kFewRows, 2 * Dots::kPanels>(args);
  else
    int8_panels<Tile, Dots::kRows, Dots::kPanels>(args);
}

}  // namespace seedstory::cpu
