// Sixteen floats in one AVX-512 register.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/simd/transpose_avx2.h"

namespace seedstory::cpu::avx512 {

// See lanes_portable.h.
struct Lanes {
  static constexpr int kCount = 16;
  static constexpr int kAccumulators = 24;  // of 32 registers

  __m512 v;

  struct HalfWidth {
    __m256 v;
    static HalfWidth all(float x) { return {_mm256_set1_ps(x)}; }
    static HalfWidth load(const float* p) { return {_mm256_loadu_ps(p)}; }
    void store(float* p) const { _mm256_storeu_ps(p, v); }
    friend HalfWidth fma(HalfWidth a, HalfWidth b, HalfWidth c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  };

  static Lanes all(float x) { return {_mm512_set1_ps(x)}; }
  static Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes load(const uint16_t* p) {  // bf16
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16))};
  }
  static Lanes load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Lanes load_bits(const uint8_t* p, int shift, int mask) {
    const __m512i moved = _mm512_srli_epi32(_mm512_loadu_si512(p), unsigned(shift));
    return {_mm512_cvtepi32_ps(_mm512_and_si512(moved, _mm512_set1_epi32(mask)))};
  }
  static Lanes load(const float* p, int64_t count) { return {_mm512_maskz_loadu_ps(first(count), p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, int64_t count) const { _mm512_mask_storeu_ps(p, first(count), v); }
  void store_low_bytes(int8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
  }
  static void transpose(const float* const* rows, int64_t k, float* to, int64_t stride) {
    transpose_8x8(rows, k, to, stride);
    transpose_8x8(rows + 8, k, to + 8, stride);
  }

 private:
  static __mmask16 first(int64_t count) {
    return count >= kCount ? __mmask16(0xffff) : count <= 0 ? __mmask16(0) : __mmask16((1 << count) - 1);
  }
};

inline Lanes operator+(Lanes a, Lanes b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline Lanes operator-(Lanes a, Lanes b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline Lanes operator*(Lanes a, Lanes b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline Lanes operator/(Lanes a, Lanes b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
inline Lanes abs(Lanes a) {
  return {_mm512_abs_ps(a.v)};
}
inline Lanes max(Lanes a, Lanes b) {
  return {_mm512_max_ps(a.v, b.v)};
}
inline Lanes where_less(Lanes a, Lanes b, Lanes yes, Lanes no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
inline Lanes where_nan(Lanes x, Lanes yes, Lanes no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), no.v, yes.v)};
}
inline Lanes shift_exponent(Lanes p, Lanes t) {
  return {
      _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.v), _mm512_slli_epi32(_mm512_castps_si512(t.v), 23)))};
}
inline float sum_of(Lanes a) {
  const __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}
inline float max_of(Lanes a) {
  const __m256 v8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 v4 = _mm_max_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_max_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_max_ss(v2, _mm_movehdup_ps(v2)));
}

}  // namespace seedstory::cpu::avx512
