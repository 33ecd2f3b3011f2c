// Rows rounded to int8 (kernels.h).
#pragma once

#include <limits>

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

// The largest size in a block; NaN where a number in it is not finite.
template <class Lanes>
float largest_size(const Lanes& first, const Lanes& second) {
  // Zero times what is not finite is NaN.
  const Lanes zeros = first * Lanes::all(0) + second * Lanes::all(0);
  return max_of(max(abs(first), abs(second))) + sum_of(zeros);
}

template <class Lanes>
void round_int8(int64_t count, const float* x, int offset, int8_t* values, float* scales, int32_t* starts) {
  static_assert(kWeightBlock == 2 * Lanes::kCount);
  // Added to a number below 2^22 it leaves an integer, rounded half to even, in the low bits.
  const Lanes shift = Lanes::all(0x1.8p23f);
  for (int64_t k = 0; k < count; k += kWeightBlock, x += kWeightBlock, values += kWeightBlock, ++scales, ++starts) {
    const Lanes first = Lanes::load(x), second = Lanes::load(x + kNR);
    const float size = largest_size(first, second);
    const bool counts = size >= 0x1p-100f;
    const Lanes to_integers = Lanes::all(127 / size);
    const Lanes low = counts ? fma(first, to_integers, shift) : shift,
                high = counts ? fma(second, to_integers, shift) : shift;
    low.store_low_bytes(values), high.store_low_bytes(values + kNR);
    *scales = counts ? size / 127 : size < 1 ? 0 : std::numeric_limits<float>::quiet_NaN();
    *starts = -offset * int32_t(sum_of((low - shift) + (high - shift)));
  }
}

}  // namespace seedstory::cpu
