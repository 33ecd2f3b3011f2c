// exp, SiLU and GELU over Lanes. Multiplications that feed an addition are written as fma: the compiler contracts
// nothing, so the bits are those of the formula on every instruction set. Always inlined: a call would pass the Lanes
// through memory, and a SiLU then takes four times as long.
#pragma once

#include "seedstory/ops.h"

namespace seedstory::cpu {

// e^x within some two units in the last place; 0 below 2^-126, infinity above the largest float, NaN of NaN.
//
// x = n ln 2 + r with |r| <= ln(2) / 2; the polynomial is expf's of the Cephes library (S. Moshier).
template <class Lanes>
[[gnu::always_inline]] inline Lanes exp(Lanes x) {
  const Lanes magic = Lanes::all(0x1.8p23f);  // adding it leaves n in the low bits
  const Lanes shifted = fma(x, Lanes::all(0x1.715476p0f), magic);
  const Lanes n = shifted - magic;
  Lanes r = fma(n, Lanes::all(-0x1.62e4p-1f), x);  // ln 2 in two parts, the first short enough for n * it to be exact
  r = fma(n, Lanes::all(-0x1.7f7d1cp-20f), r);
  Lanes p = Lanes::all(1.9875691500e-4f);
  p = fma(p, r, Lanes::all(1.3981999507e-3f));
  p = fma(p, r, Lanes::all(8.3334519073e-3f));
  p = fma(p, r, Lanes::all(4.1665795894e-2f));
  p = fma(p, r, Lanes::all(1.6666665459e-1f));
  p = fma(p, r, Lanes::all(5.0000001201e-1f));
  p = fma(p, r * r, r) + Lanes::all(1);
  Lanes y = shift_exponent(p, shifted);
  y = where_less(x, Lanes::all(-87.336544f), Lanes::all(0), y);
  y = where_less(Lanes::all(88.722839f), x, Lanes::all(__builtin_inff()), y);
  return where_nan(x, x, y);
}

// Relative error below 2^-22 down to results of 2^-118; smaller ones may be 0.
template <class Lanes>
[[gnu::always_inline]] inline Lanes silu(Lanes x) {
  return x / (Lanes::all(1) + exp(Lanes::all(0) - x));
}

// 0.5 x (1 + erf(x / sqrt 2)), absolute error below 2^-23 |x|, and relative below 2^-21 where x > -1.
//
// erf after N. Juffa (forums.developer.nvidia.com, "Faster and more accurate implementation of erff()", 2015), below
// 1 unit in the last place: near 0 an odd polynomial, further out 1 - e^p. There 1 + erf is taken as 2 - e^p, or as
// e^p where x < 0, so that nothing cancels.
template <class Lanes>
[[gnu::always_inline]] inline Lanes gelu(Lanes x) {
  const Lanes z = x * Lanes::all(0x1.6a09e6p-1f), t = abs(z), s = z * z;
  Lanes far = fma(Lanes::all(-1.72853470e-5f), t, Lanes::all(3.83197126e-4f));
  const Lanes mid = fma(Lanes::all(-3.88396438e-3f), t, Lanes::all(2.42546219e-2f));
  far = fma(far, s, mid);
  far = fma(far, t, Lanes::all(-1.06777877e-1f));
  far = fma(far, t, Lanes::all(-6.34846687e-1f));
  far = fma(far, t, Lanes::all(-1.28717512e-1f));
  far = fma(far, t, Lanes::all(0) - t);
  const Lanes rest = exp(far);  // 1 - erf(t)
  Lanes near = Lanes::all(-5.96761703e-4f);
  near = fma(near, s, Lanes::all(4.99119423e-3f));
  near = fma(near, s, Lanes::all(-2.67681349e-2f));
  near = fma(near, s, Lanes::all(1.12819925e-1f));
  near = fma(near, s, Lanes::all(-3.76125336e-1f));
  near = fma(near, s, Lanes::all(1.28379166e-1f));
  near = fma(near, z, z);  // erf(z)
  const Lanes outer = where_less(z, Lanes::all(0), rest, Lanes::all(2) - rest);
  const Lanes twice = where_less(Lanes::all(0.927734375f), t, outer, Lanes::all(1) + near);
  return Lanes::all(0.5f) * x * twice;
}

template <class Lanes>
[[gnu::always_inline]] inline Lanes activate(Activation act, Lanes x) {
  switch (act) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return gelu(x);
    case Activation::silu:
      return silu(x);
  }
  return x;
}

}  // namespace seedstory::cpu
