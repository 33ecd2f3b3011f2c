// Sixteen floats in plain C++.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "seedstory/float16.h"

namespace seedstory::cpu::portable {

// Sixteen floats that go through the same operations side by side. The three Lanes (portable, AVX2, AVX-512) have the
// same members and give the same bits; the kernels are written once, over any of them.
struct Lanes {
  static constexpr int kCount = 16;
  static constexpr int kAccumulators = 6;  // how many of them a matrix tile may keep

  float v[kCount];

  // Eight of them, as far as a product needs.
  struct HalfWidth {
    float v[kCount / 2];
    static HalfWidth all(float x) {
      HalfWidth out;
      for (float& y : out.v) y = x;
      return out;
    }
    static HalfWidth load(const float* p) {
      HalfWidth out;
      for (float& y : out.v) y = *p++;
      return out;
    }
    void store(float* p) const {
      for (float x : v) *p++ = x;
    }
    friend HalfWidth fma(const HalfWidth& a, const HalfWidth& b, const HalfWidth& c) {
      HalfWidth out;
      for (int i = 0; i < kCount / 2; ++i) out.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
      return out;
    }
  };

  template <class F>
  static Lanes each(F&& f) {
    Lanes out;
    for (int i = 0; i < kCount; ++i) out.v[i] = f(i);
    return out;
  }

  static Lanes all(float x) {
    return each([&](int) { return x; });
  }
  static Lanes load(const float* p) {
    return each([&](int i) { return p[i]; });
  }
  static Lanes load(const uint16_t* p) {  // bf16
    return each([&](int i) { return std::bit_cast<float>(uint32_t{p[i]} << 16); });
  }
  static Lanes load_f16(const uint16_t* p) {
    return each([&](int i) { return f16_to_f32(p[i]); });
  }
  // Some bits of sixteen words of 32: those of `mask` from bit `shift` on.
  static Lanes load_bits(const uint8_t* p, int shift, int mask) {
    return each([&](int i) {
      uint32_t word;
      std::memcpy(&word, p + 4 * i, sizeof word);
      return float(word >> shift & uint32_t(mask));
    });
  }
  // The first `count` of them; the others are 0 and their memory is not touched.
  static Lanes load(const float* p, int64_t count) {
    return each([&](int i) { return i < count ? p[i] : 0.0f; });
  }
  void store(float* p) const {
    for (int i = 0; i < kCount; ++i) p[i] = v[i];
  }
  void store(float* p, int64_t count) const {
    for (int i = 0; i < kCount && i < count; ++i) p[i] = v[i];
  }
  // The lowest byte of each number's pattern.
  void store_low_bytes(int8_t* p) const {
    for (int i = 0; i < kCount; ++i) p[i] = int8_t(std::bit_cast<uint32_t>(v[i]) & 255);
  }
  // to[i * stride + j] <- rows[j][k + i] for i below 8, j below 16.
  static void transpose(const float* const* rows, int64_t k, float* to, int64_t stride) {
    for (int i = 0; i < 8; ++i)
      for (int j = 0; j < kCount; ++j) to[i * stride + j] = rows[j][k + i];
  }
};

inline Lanes operator+(const Lanes& a, const Lanes& b) {
  return Lanes::each([&](int i) { return a.v[i] + b.v[i]; });
}
inline Lanes operator-(const Lanes& a, const Lanes& b) {
  return Lanes::each([&](int i) { return a.v[i] - b.v[i]; });
}
inline Lanes operator*(const Lanes& a, const Lanes& b) {
  return Lanes::each([&](int i) { return a.v[i] * b.v[i]; });
}
inline Lanes operator/(const Lanes& a, const Lanes& b) {
  return Lanes::each([&](int i) { return a.v[i] / b.v[i]; });
}
// a * b + c, rounded once.
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  return Lanes::each([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
inline Lanes abs(const Lanes& a) {
  return Lanes::each([&](int i) { return std::fabs(a.v[i]); });
}
// The second where one is NaN, as the instruction does.
inline Lanes max(const Lanes& a, const Lanes& b) {
  return Lanes::each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
// a < b ? yes : no
inline Lanes where_less(const Lanes& a, const Lanes& b, const Lanes& yes, const Lanes& no) {
  return Lanes::each([&](int i) { return a.v[i] < b.v[i] ? yes.v[i] : no.v[i]; });
}
// x is NaN ? yes : no
inline Lanes where_nan(const Lanes& x, const Lanes& yes, const Lanes& no) {
  return Lanes::each([&](int i) { return std::isnan(x.v[i]) ? yes.v[i] : no.v[i]; });
}
// p * 2^n, where the low bits of t's pattern are n; no check of the range.
inline Lanes shift_exponent(const Lanes& p, const Lanes& t) {
  return Lanes::each([&](int i) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(p.v[i]) + (std::bit_cast<uint32_t>(t.v[i]) << 23));
  });
}
inline float sum_of(Lanes a) {
  for (int step = Lanes::kCount / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) a.v[i] += a.v[i + step];
  return a.v[0];
}
inline float max_of(Lanes a) {
  for (int step = Lanes::kCount / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) a.v[i] = a.v[i] > a.v[i + step] ? a.v[i] : a.v[i + step];
  return a.v[0];
}

}  // namespace seedstory::cpu::portable
