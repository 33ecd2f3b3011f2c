// Products of integers by AVX-VNNI's VPDPBUSD, 256 bits at a time.
#include "cpu/simd/int8_tile.h"
#include "cpu/simd/lanes_avx2.h"

namespace seedstory::cpu {
namespace {

template <int kBits>
struct Dots256 {
  using Lanes = avx2::Lanes;
  static constexpr int kRows = 4, kPanels = 1, kFewRows = 2;

  struct Sums {
    __m256i lo, hi;
  };
  using Weights = Sums;

  static Sums start(int32_t from) { return {_mm256_set1_epi32(from), _mm256_set1_epi32(from)}; }
  static Weights weights(const uint8_t* p, int half) {
    const auto some = [&](const uint8_t* p) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      return kBits == 8 ? bytes : _mm256_and_si256(_mm256_srli_epi16(bytes, 4 * half), _mm256_set1_epi8(15));
    };
    return {some(p), some(p + 32)};
  }
  static Sums add(Sums sums, const Weights& w, int32_t four) {
    const __m256i x = _mm256_set1_epi32(four);
    return {_mm256_dpbusd_avx_epi32(sums.lo, w.lo, x), _mm256_dpbusd_avx_epi32(sums.hi, w.hi, x)};
  }
  static Lanes finish(const Sums& sums, int32_t) { return {_mm256_cvtepi32_ps(sums.lo), _mm256_cvtepi32_ps(sums.hi)}; }
};

}  // namespace

constinit const Int8Kernels kAvxVnniInt8 = {
    .name = "AVX-VNNI", .multiply_q8 = multiply_int8<Dots256<8>, 8>, .multiply_q4 = multiply_int8<Dots256<4>, 4>};

}  // namespace seedstory::cpu
