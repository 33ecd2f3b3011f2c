// Sixteen floats in two AVX2 registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/simd/transpose_avx2.h"

namespace seedstory::cpu::avx2 {

// See lanes_portable.h.
struct Lanes {
  static constexpr int kCount = 16;
  static constexpr int kAccumulators = 6;  // 12 of 16 registers; two hold the panel, one the broadcast

  __m256 lo, hi;

  struct HalfWidth {
    __m256 v;
    static HalfWidth all(float x) { return {_mm256_set1_ps(x)}; }
    static HalfWidth load(const float* p) { return {_mm256_loadu_ps(p)}; }
    void store(float* p) const { _mm256_storeu_ps(p, v); }
    friend HalfWidth fma(HalfWidth a, HalfWidth b, HalfWidth c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  };

  static Lanes all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Lanes load(const uint16_t* p) {  // bf16
    const auto wide = [](const uint16_t* p) {
      const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
      return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
    };
    return {wide(p), wide(p + 8)};
  }
  static Lanes load_f16(const uint16_t* p) {
    const auto* at = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(at)), _mm256_cvtph_ps(_mm_loadu_si128(at + 1))};
  }
  static Lanes load_bits(const uint8_t* p, int shift, int mask) {
    const auto some = [&](const uint8_t* p) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(words, shift), _mm256_set1_epi32(mask)));
    };
    return {some(p), some(p + 32)};
  }
  static Lanes load(const float* p, int64_t count) {
    return {_mm256_maskload_ps(p, first(count)), _mm256_maskload_ps(p + 8, first(count - 8))};
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void store(float* p, int64_t count) const {
    if (count < 8) return _mm256_maskstore_ps(p, first(count), lo);
    _mm256_storeu_ps(p, lo);
    if (count > 8) _mm256_maskstore_ps(p + 8, first(count - 8), hi);  // some processors are slow at it
  }
  void store_low_bytes(int8_t* p) const {
    const __m256i lowest = _mm256_set1_epi32(255);
    const __m256i a = _mm256_and_si256(_mm256_castps_si256(lo), lowest),
                  b = _mm256_and_si256(_mm256_castps_si256(hi), lowest);
    const __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  }
  static void transpose(const float* const* rows, int64_t k, float* to, int64_t stride) {
    transpose_8x8(rows, k, to, stride);
    transpose_8x8(rows + 8, k, to + 8, stride);
  }

 private:
  static __m256i first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

inline Lanes operator+(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline Lanes operator-(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline Lanes operator*(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline Lanes operator/(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline Lanes abs(Lanes a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline Lanes max(Lanes a, Lanes b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline Lanes where_less(Lanes a, Lanes b, Lanes yes, Lanes no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}
inline Lanes where_nan(Lanes x, Lanes yes, Lanes no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(x.lo, x.lo, _CMP_UNORD_Q)),
          _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(x.hi, x.hi, _CMP_UNORD_Q))};
}
inline Lanes shift_exponent(Lanes p, Lanes t) {
  const auto shift = [](__m256 p, __m256 t) {
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
  };
  return {shift(p.lo, t.lo), shift(p.hi, t.hi)};
}
inline float sum_of(Lanes a) {
  const __m256 v8 = _mm256_add_ps(a.lo, a.hi);
  const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}
inline float max_of(Lanes a) {
  const __m256 v8 = _mm256_max_ps(a.lo, a.hi);
  const __m128 v4 = _mm_max_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_max_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_max_ss(v2, _mm_movehdup_ps(v2)));
}

}  // namespace seedstory::cpu::avx2
