// Products of integers in AVX2, which multiplies bytes without a sign by bytes with one and adds pairs in 16 bits.
#include "cpu/simd/int8_tile.h"
#include "cpu/simd/lanes_avx2.h"

namespace seedstory::cpu {
namespace {

struct Pair {
  __m256i lo, hi;  // of the first eight columns, of the last
};

Pair load(const uint8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}

avx2::Lanes as_floats(__m256i lo, __m256i hi) {
  return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)};
}

// Two products of 255 x 127 do not fit: the size of the weight takes part, and the number of a row gets its sign. So
// nothing is left of the offset.
struct SignedDots {
  using Lanes = avx2::Lanes;
  using Sums = Pair;
  static constexpr int kRows = 4, kPanels = 1, kFewRows = 2;

  struct Weights {
    Pair integers;
  };

  static Sums start(int32_t) { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Weights weights(const uint8_t* p, int) {
    const __m256i flip = _mm256_set1_epi8(int8_t(0x80));
    const Pair bytes = load(p);
    return {{_mm256_xor_si256(bytes.lo, flip), _mm256_xor_si256(bytes.hi, flip)}};
  }
  static Sums add(Sums sums, const Weights& w, int32_t four) {
    const __m256i x = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
    const auto products = [&](__m256i integers) {
      return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(integers), _mm256_sign_epi8(x, integers)), ones);
    };
    return {_mm256_add_epi32(sums.lo, products(w.integers.lo)), _mm256_add_epi32(sums.hi, products(w.integers.hi))};
  }
  static Lanes finish(const Sums& sums, int32_t) { return as_floats(sums.lo, sums.hi); }
};

// A block's pairs of products, at most 16 x 15 x 127, fit 16 bits together.
struct NibbleDots {
  using Lanes = avx2::Lanes;
  using Sums = Pair;
  using Weights = Pair;
  static constexpr int kRows = 4, kPanels = 1, kFewRows = 2;

  static Sums start(int32_t) { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Weights weights(const uint8_t* p, int half) {
    const __m256i nibble = _mm256_set1_epi8(15);
    const Pair bytes = load(p);
    return {_mm256_and_si256(_mm256_srli_epi16(bytes.lo, 4 * half), nibble),
            _mm256_and_si256(_mm256_srli_epi16(bytes.hi, 4 * half), nibble)};
  }
  static Sums add(Sums sums, const Weights& w, int32_t four) {
    const __m256i x = _mm256_set1_epi32(four);
    return {_mm256_add_epi16(sums.lo, _mm256_maddubs_epi16(w.lo, x)),
            _mm256_add_epi16(sums.hi, _mm256_maddubs_epi16(w.hi, x))};
  }
  static Lanes finish(const Sums& sums, int32_t start) {
    const __m256i ones = _mm256_set1_epi16(1), from = _mm256_set1_epi32(start);
    return as_floats(_mm256_add_epi32(_mm256_madd_epi16(sums.lo, ones), from),
                     _mm256_add_epi32(_mm256_madd_epi16(sums.hi, ones), from));
  }
};

}  // namespace

constinit const Int8Kernels kAvx2Int8 = {
    .name = "AVX2", .multiply_q8 = multiply_int8<SignedDots, 8>, .multiply_q4 = multiply_int8<NibbleDots, 4>};

}  // namespace seedstory::cpu
