// Products of integers in plain C++.
#include "cpu/simd/int8_tile.h"
#include "cpu/simd/lanes_portable.h"

namespace seedstory::cpu {
namespace {

template <int kBits>
struct PlainDots {
  using Lanes = portable::Lanes;
  static constexpr int kRows = 2, kPanels = 1, kFewRows = 1;

  struct Sums {
    int32_t v[kNR];
  };
  struct Weights {
    uint8_t v[4 * kNR];
  };

  static Sums start(int32_t from) {
    Sums out;
    for (int32_t& v : out.v) v = from;
    return out;
  }
  static Weights weights(const uint8_t* p, int half) {
    Weights out;
    for (int i = 0; i < 4 * kNR; ++i) out.v[i] = kBits == 8 ? p[i] : uint8_t(p[i] >> (4 * half) & 15);
    return out;
  }
  static Sums add(Sums sums, const Weights& w, int32_t four) {
    for (int j = 0; j < kNR; ++j)
      for (int i = 0; i < 4; ++i) sums.v[j] += w.v[4 * j + i] * int8_t(four >> (8 * i));
    return sums;
  }
  static Lanes finish(const Sums& sums, int32_t) {
    return Lanes::each([&](int j) { return float(sums.v[j]); });
  }
};

}  // namespace

constinit const Int8Kernels kPortableInt8 = {.name = "plain loops",
                                             .multiply_q8 = multiply_int8<PlainDots<8>, 8>,
                                             .multiply_q4 = multiply_int8<PlainDots<4>, 4>};

}  // namespace seedstory::cpu
