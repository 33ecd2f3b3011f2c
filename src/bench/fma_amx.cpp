// Like fma_loop.h with the instructions that multiply in bf16 (src/cpu/simd/bf16_amx.cpp).
#include <immintrin.h>

#include <bit>

#include "bench/fma_loop.h"

namespace seedstory {
namespace {

constexpr int kTiles = 4, kTileSide = 16, kTileDepth = 32;

float pairs_loop(int64_t rounds, float factor) {
  __m512 chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = _mm512_set1_ps(factor * float(i));
  const auto a = std::bit_cast<__m512bh>(_mm512_set1_epi16(0x3f7f)), b = std::bit_cast<__m512bh>(_mm512_set1_epi16(1));
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 10
    for (int i = 0; i < kChains; ++i) chain[i] = _mm512_dpbf16_ps(chain[i], a, b);
  __m512 sum = chain[0];
  for (int i = 1; i < kChains; ++i) sum = _mm512_add_ps(sum, chain[i]);
  return _mm512_cvtss_f32(sum);
}

// Four tiles of sums from one operand pair: what one instruction waits for is four before it.
float tiles_loop(int64_t rounds, float factor) {
  struct alignas(64) {
    uint8_t palette = 1, reserved[15] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16};
  } config;
  alignas(64) float rows[kTileSide * kTileSide];
  for (float& x : rows) x = factor;  // as two numbers in bf16 each, whatever they are
  // GCC's intrinsics do not say what memory they read and write.
  asm volatile("" : : "r"(&config), "r"(rows) : "memory");
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, rows, 64);
  _tile_loadd(5, rows, 64);
  for (int64_t round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, rows, 64);
  _tile_release();
  asm volatile("" : : "r"(rows) : "memory");
  return rows[0];
}

}  // namespace

const FmaLoop kAvx512Bf16Fma = {.run = pairs_loop, .a_round = kChains * 32.0};
const FmaLoop kAmxFma = {.run = tiles_loop, .a_round = double(kTiles) * kTileSide * kTileSide * kTileDepth};

}  // namespace seedstory
