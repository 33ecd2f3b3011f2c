#include "model/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "seedstory/float16.h"

namespace seedstory {
namespace {

bool is_finite_f16(uint16_t bits) {
  return (bits & 0x7c00) != 0x7c00;
}

std::string too_large(float x, WeightFormat format) {
  if (!std::isfinite(x)) return "a number that is not finite";
  return fmt::format("{}, more than {} holds", x, name_of(format));
}

// What was infinite before may stay so.
std::string round_to_f16(const float* from, int64_t count, uint16_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    to[i] = f32_to_f16(from[i]);
    if (!is_finite_f16(to[i]) && std::isfinite(from[i])) return too_large(from[i], WeightFormat::f16);
  }
  return "";
}

// The number of the largest size; one that is not finite is larger than all that are.
float largest(const float* block, int64_t step) {
  float most = 0;
  for (int64_t i = 0; i < kWeightBlock; ++i) {
    const float x = block[i * step];
    if (!std::isfinite(x)) return x;
    if (std::fabs(x) > std::fabs(most)) most = x;
  }
  return most;
}

// The integers of one block, whose numbers lie `step` apart, by f(index, integer), and its scale.
template <class F>
std::string round_block(const float* block, int64_t step, WeightFormat format, uint16_t& scale, F&& put) {
  const float most = largest(block, step);
  const float least_integer = format == WeightFormat::q8 ? -127 : -8,
              most_integer = format == WeightFormat::q8 ? 127 : 7;
  scale = f32_to_f16(format == WeightFormat::q8 ? std::fabs(most) / 127 : most / -8);
  if (!std::isfinite(most) || !is_finite_f16(scale)) return too_large(most, format);
  const float kept = f16_to_f32(scale), inverse = kept == 0 ? 0 : 1 / kept;
  for (int64_t i = 0; i < kWeightBlock; ++i)
    put(i, int(std::nearbyint(std::clamp(block[i * step] * inverse, least_integer, most_integer))));
  return "";
}

std::string round_to_blocks(const float* from, const Weight& to) {
  const WeightFormat format = to.format();
  const Tensor& t = to.values;
  const int64_t taps = t.rank == 4 ? t.dim[2] * t.dim[3] : 1, k = t.dim[1], blocks = k / kWeightBlock;
  auto* values = static_cast<uint8_t*>(t.data);
  auto* scales = static_cast<uint16_t*>(to.scales.data);
  if (format == WeightFormat::q4) std::fill_n(values, t.bytes(), uint8_t(0));
  for (int64_t row = 0; row < t.dim[0]; ++row)
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t first = (row * k + block * kWeightBlock) * taps + tap;
        const std::string wrong = round_block(
            from + first, taps, format, scales[(row * blocks + block) * taps + tap], [&](int64_t i, int integer) {
              const int64_t at = first + i * taps;
              if (format == WeightFormat::q8)
                values[at] = uint8_t(int8_t(integer));
              else
                values[at / 2] = uint8_t(values[at / 2] | (integer & 15) << (at % 2 * 4));
            });
        if (!wrong.empty()) return wrong;
      }
  return "";
}

}  // namespace

std::string round_weight(const float* numbers, const Weight& to) {
  const int64_t count = to.values.numel();
  switch (to.format()) {
    case WeightFormat::f32:
      std::copy_n(numbers, count, static_cast<float*>(to.values.data));
      return "";
    case WeightFormat::f16:
      return round_to_f16(numbers, count, static_cast<uint16_t*>(to.values.data));
    case WeightFormat::bf16:
      std::transform(numbers, numbers + count, static_cast<uint16_t*>(to.values.data), f32_to_bf16);
      return "";
    case WeightFormat::q8:
    case WeightFormat::q4:
      return round_to_blocks(numbers, to);
  }
  return "";
}

WeightFormat format_of(WeightFormat format, DType activations, const std::string& part, const std::string& name) {
  if (row_of(format).block == 0) return format;
  for (const auto& row : kStays16)
    if (part == row.part && (*row.name == 0 || name == row.name))
      return activations == DType::bf16 ? WeightFormat::bf16 : WeightFormat::f16;
  return format;
}

}  // namespace seedstory
