// Floats of 16 bits as bits: bf16, the upper half of an f32, and f16, IEEE's binary16.
#pragma once

#include <bit>
#include <cstdint>

namespace seedstory {

// Exact.
constexpr float bf16_to_f32(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

// To the nearest, ties to even; NaN stays NaN.
constexpr uint16_t f32_to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Exact. The exponent and mantissa of f16, put where an f32 has them, are the value over 2^112, subnormals included.
constexpr float f16_to_f32(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16, rest = uint32_t{bits & 0x7fffu} << 13;
  if ((bits & 0x7c00u) == 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | rest);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f) | sign);
}

// To the nearest, ties to even; what is too large is infinite; NaN stays NaN.
constexpr uint16_t f32_to_f16(float x) {
  const auto all = std::bit_cast<uint32_t>(x);
  const uint32_t sign = all >> 16 & 0x8000, bits = all & 0x7fffffff;
  if (bits > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (bits >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65520 and more
  // Below the smallest normal number the sum with 0.5 rounds to units of 2^-24, which are f16's last places there.
  if (bits < 0x38800000)
    return uint16_t(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(bits) + 0.5f) - 0x3f000000));
  return uint16_t(sign | (bits + 0xfff + (bits >> 13 & 1) - (112u << 23)) >> 13);
}

}  // namespace seedstory
