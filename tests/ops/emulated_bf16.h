// Products in bf16 on any machine, in plain loops: what they do to numbers, and what the CPU backend makes of a set
// that has them, can so be seen where no processor has the instructions.
#pragma once

#include <algorithm>
#include <bit>

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

inline float from_bf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

inline uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline void emulated_split(int64_t count, const float* x, uint16_t* high, uint16_t* low) {
  for (int64_t i = 0; i < count; ++i) {
    high[i] = to_bf16(x[i]);
    if (low) low[i] = to_bf16(x[i] - from_bf16(high[i]));
  }
}

// With the order of VDPBF16PS: the odd number of a pair first.
inline void emulated_multiply(const GemmArgs<uint16_t, uint16_t>& args) {
  for (int64_t row = 0; row < args.rows; ++row)
    for (int64_t panel = 0; panel < args.panels; ++panel) {
      float sums[kNR] = {}, *to = args.c + row * args.c_stride + panel * kNR;
      if (args.accumulate) std::copy_n(to, kNR, sums);
      for (int64_t k = 0; k < args.depth; k += 2) {
        const uint16_t *b = args.b + panel * args.panel_stride + k * kNR, *a = args.a + row * args.a_stride + k;
        const float even = from_bf16(a[0]), odd = from_bf16(a[1]);
        for (int64_t j = 0; j < kNR; ++j) {
          sums[j] = __builtin_fmaf(odd, from_bf16(b[2 * j + 1]), sums[j]);
          sums[j] = __builtin_fmaf(even, from_bf16(b[2 * j]), sums[j]);
        }
      }
      std::copy_n(sums, kNR, to);
    }
}

inline constexpr Bf16Kernels kEmulatedPairs = {.split = emulated_split, .multiply = emulated_multiply};

// The best set of this machine, with emulated pairs.
inline const Kernels& emulated_bf16() {
  static const Kernels set = [] {
    Kernels best = *kernel_sets().front();
    best.set = CpuSet::avx512_bf16, best.bf16x2 = &kEmulatedPairs;
    return best;
  }();
  return set;
}

}  // namespace seedstory::cpu
