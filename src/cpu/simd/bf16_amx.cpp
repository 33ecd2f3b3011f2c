// Products in bf16 (kernels.h): on AMX tiles, and with AVX-512's dot products of pairs.
//
// Intel's manual, TDPBF16PS: a tile of 16 x 16 sums takes 16 rows of 32 numbers times 16 pairs of rows of 16 columns,
// in 16 cycles; the even and the odd numbers of a row have sums of their own until the instruction ends. VDPBF16PS adds
// the two products of a pair one after the other. Both round to nearest even and take denormal numbers for 0.
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "cpu/simd/tiles.h"

namespace seedstory::cpu {
namespace {

using Bf16Args = GemmArgs<uint16_t, uint16_t>;

constexpr int64_t kTileRows = 16, kTileDepth = 32;

__m512 widened(__m256bh x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(std::bit_cast<__m256i>(x)), 16));
}

void split(int64_t count, const float* x, uint16_t* high, uint16_t* low) {
  for (int64_t i = 0; i < count; i += kNR) {
    const auto some = __mmask16(count - i >= kNR ? 0xffff : (1 << (count - i)) - 1);
    const __m512 v = _mm512_maskz_loadu_ps(some, x + i);
    const __m256bh h = _mm512_cvtneps_pbh(v);
    _mm256_mask_storeu_epi16(high + i, some, std::bit_cast<__m256i>(h));
    if (!low) continue;
    const __m256bh l = _mm512_cvtneps_pbh(_mm512_sub_ps(v, widened(h)));
    _mm256_mask_storeu_epi16(low + i, some, std::bit_cast<__m256i>(l));
  }
}

// ---- AVX-512

struct DotTile {
  static constexpr int kAccumulators = 24;

  template <int R, int P>
  static void run(const Bf16Args& args) {
    const auto [rows, panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate] = args;
    __m512 acc[R][P];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p)
        acc[r][p] = accumulate ? _mm512_loadu_ps(c + r * c_stride + p * kNR) : _mm512_setzero_ps();
    for (int64_t k = 0; k < depth; k += 2) {
      __m512bh column[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p)
        column[p] = std::bit_cast<__m512bh>(_mm512_loadu_si512(b + p * panel_stride + k * kNR));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        int pair;
        std::memcpy(&pair, a + r * a_stride + k, sizeof pair);
        const auto x = std::bit_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) acc[r][p] = _mm512_dpbf16_ps(acc[r][p], x, column[p]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) _mm512_storeu_ps(c + r * c_stride + p * kNR, acc[r][p]);
  }
};

// ---- AMX

// The operand of LDTILECFG.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0 to 3 hold sums, [row of tiles][panel]; 4 and 5 rows of a; 6 and 7 panels of b. Sets what sizes they have for
// `rows` rows of at most 32 and a depth of at most 32; their contents become 0.
void set_tiles(int64_t rows, int64_t depth) {
  TileConfig config;
  const auto set = [&](int tile, int64_t tile_rows, int64_t bytes) {
    config.rows[tile] = uint8_t(tile_rows), config.row_bytes[tile] = uint16_t(bytes);
  };
  const int64_t first = std::min(rows, kTileRows), second = rows > kTileRows ? rows - kTileRows : kTileRows;
  for (int panel : {0, 1}) set(panel, first, 64), set(2 + panel, second, 64), set(6 + panel, depth / 2, 64);
  set(4, first, 2 * depth), set(5, second, 2 * depth);
  // GCC's intrinsics do not say what memory they read.
  asm volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

// 1 or 2 rows of tiles by 1 or 2 panels, over a depth in steps that the tiles are set for. Tiles are named by
// constants.
template <bool TwoRows, bool TwoPanels>
void tiles(const Bf16Args& args, int64_t step) {
  const int64_t a_bytes = args.a_stride * int64_t(sizeof *args.a), c_bytes = args.c_stride * int64_t(sizeof *args.c);
  float *c = args.c, *below = c + kTileRows * args.c_stride;
  if (args.accumulate) {
    _tile_loadd(0, c, c_bytes);
    if constexpr (TwoPanels) _tile_loadd(1, c + kNR, c_bytes);
    if constexpr (TwoRows) _tile_loadd(2, below, c_bytes);
    if constexpr (TwoRows && TwoPanels) _tile_loadd(3, below + kNR, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < args.depth; k += step) {
    const uint16_t *a = args.a + k, *b = args.b + k * kNR;
    _tile_loadd(4, a, a_bytes);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (TwoPanels) {
      _tile_loadd(7, b + args.panel_stride, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (TwoRows) {
      _tile_loadd(5, a + kTileRows * args.a_stride, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (TwoPanels) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, c_bytes);
  if constexpr (TwoPanels) _tile_stored(1, c + kNR, c_bytes);
  if constexpr (TwoRows) _tile_stored(2, below, c_bytes);
  if constexpr (TwoRows && TwoPanels) _tile_stored(3, below + kNR, c_bytes);
}

// All rows and panels over a depth that is one tile deep or several whole ones.
void multiply_whole(Bf16Args args) {
  const int64_t step = std::min(args.depth, kTileDepth);
  int64_t set_for = 0;
  for (; args.rows > 0; args.rows -= 2 * kTileRows) {
    const int64_t here = std::min(args.rows, 2 * kTileRows);
    if (here != set_for) set_tiles(set_for = here, step);
    const bool two_rows = here > kTileRows;
    Bf16Args of_panels = args;
    for (int64_t panel = 0; panel < args.panels; panel += 2) {
      const auto run = panel + 1 < args.panels ? (two_rows ? tiles<true, true> : tiles<false, true>)
                                               : (two_rows ? tiles<true, false> : tiles<false, false>);
      run(of_panels, step);
      of_panels.b += 2 * args.panel_stride, of_panels.c += 2 * kNR;
    }
    args.a += 2 * kTileRows * args.a_stride, args.c += 2 * kTileRows * args.c_stride;
  }
}

void multiply_amx(const Bf16Args& args) {
  asm volatile("" : : : "memory");
  const int64_t whole = args.depth / kTileDepth * kTileDepth;
  Bf16Args part = args;
  part.depth = whole;
  if (whole > 0 || args.depth == 0) multiply_whole(part);
  part.depth = args.depth - whole, part.a += whole, part.b += whole * kNR, part.accumulate |= whole > 0;
  if (part.depth > 0) multiply_whole(part);
  _tile_release();
}

}  // namespace

const Bf16Kernels kAvx512Bf16 = {.split = split, .multiply = gemm_block<DotTile>};
const Bf16Kernels kAmxBf16 = {.split = split, .multiply = multiply_amx};

}  // namespace seedstory::cpu
