// Products of integers by AVX512-VNNI's VPDPBUSD.
#include "cpu/simd/int8_tile.h"
#include "cpu/simd/lanes_avx512.h"

namespace seedstory::cpu {
namespace {

template <int kBits>
struct Dots512 {
  using Lanes = avx512::Lanes;
  static constexpr int kRows = 6, kPanels = 2, kFewRows = 3;

  using Sums = __m512i;
  using Weights = __m512i;

  static Sums start(int32_t from) { return _mm512_set1_epi32(from); }
  static Weights weights(const uint8_t* p, int half) {
    const __m512i bytes = _mm512_loadu_si512(p);
    return kBits == 8 ? bytes : _mm512_and_si512(_mm512_srli_epi16(bytes, unsigned(4 * half)), _mm512_set1_epi8(15));
  }
  static Sums add(Sums sums, Weights w, int32_t four) { return _mm512_dpbusd_epi32(sums, w, _mm512_set1_epi32(four)); }
  static Lanes finish(Sums sums, int32_t) { return {_mm512_cvtepi32_ps(sums)}; }
};

}  // namespace

constinit const Int8Kernels kAvx512VnniInt8 = {
    .name = "AVX512-VNNI", .multiply_q8 = multiply_int8<Dots512<8>, 8>, .multiply_q4 = multiply_int8<Dots512<4>, 4>};

}  // namespace seedstory::cpu
