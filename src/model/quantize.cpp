#include "model/quantize.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

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

// Two sums over the numbers x of a block and the q4 integers that a scale makes of them.
struct Fit {
  float xq = 0, qq = 0;
};
Fit fit(const float* x, float scale) {
  constexpr float kRounds = 0x1.8p23f;  // added and taken away again, it leaves the nearest integer, half to even
  const float inverse = scale == 0 ? 0 : 1 / scale;
  // Eight sums at a time: the compiler sees loops it can vectorise.
  constexpr int kLanes = 8;
  float xq[kLanes] = {}, qq[kLanes] = {};
  for (int i = 0; i < kWeightBlock; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) {
      float q = x[i + lane] * inverse;
      q = q < -8 ? -8 : q;
      q = q > 7 ? 7 : q;
      q = (q + kRounds) - kRounds;
      xq[lane] += x[i + lane] * q;
      qq[lane] += q * q;
    }
  return {.xq = std::accumulate(xq, xq + kLanes, 0.0f), .qq = std::accumulate(qq, qq + kLanes, 0.0f)};
}

// The scale with the least squared error sum (x - s q)^2 of some that are tried; what differs of it is s^2 qq - 2 s xq.
// Of the integers that a scale makes the best scale is xq / qq, with -xq^2 / qq, and that may make better integers.
uint16_t least_error_scale(const float* x, float most) {
  constexpr float kDivisors[] = {-8, -8.5f, -7.5f, -9, -7, -6.5f, -6, 7, 7.5f, 8, 6.5f, 6};
  float most_gained = 0, start = 0;
  for (const float divisor : kDivisors)
    if (const auto [xq, qq] = fit(x, most / divisor); qq > 0 && xq * xq > most_gained * qq)
      most_gained = xq * xq / qq, start = xq / qq;
  uint16_t best = f32_to_f16(most / -8), tried = best;
  float least = INFINITY, next = start;
  for (int round = 0; round < 4 && is_finite_f16(tried); ++round) {
    const float scale = f16_to_f32(tried);
    const auto [xq, qq] = fit(x, scale);
    const float error = scale * (scale * qq - 2 * xq);
    if (error < least) least = error, best = tried;
    if (round > 0) next = qq > 0 ? xq / qq : 0;
    tried = f32_to_f16(next);
  }
  return best;
}

uint16_t block_scale(const float* block, int64_t step, float most, WeightFormat format, ScaleRule rule) {
  if (format == WeightFormat::q8) return f32_to_f16(std::fabs(most) / 127);
  if (rule == ScaleRule::largest || !std::isfinite(most)) return f32_to_f16(most / -8);
  float x[kWeightBlock];
  for (int64_t i = 0; i < kWeightBlock; ++i) x[i] = block[i * step];
  return least_error_scale(x, most);
}

// The integers of one block, whose numbers lie `step` apart, by f(index, integer), and its scale.
template <class F>
std::string round_block(const float* block, int64_t step, WeightFormat format, ScaleRule rule, uint16_t& scale,
                        F&& put) {
  const float most = largest(block, step);
  const float least_integer = format == WeightFormat::q8 ? -127 : -8,
              most_integer = format == WeightFormat::q8 ? 127 : 7;
  scale = block_scale(block, step, most, format, rule);
  if (!std::isfinite(most) || !is_finite_f16(scale)) return too_large(most, format);
  const float kept = f16_to_f32(scale), inverse = kept == 0 ? 0 : 1 / kept;
  for (int64_t i = 0; i < kWeightBlock; ++i)
    put(i, int(std::nearbyint(std::clamp(block[i * step] * inverse, least_integer, most_integer))));
  return "";
}

std::string round_to_blocks(const float* from, const Weight& to, ScaleRule rule) {
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
            from + first, taps, format, rule, scales[(row * blocks + block) * taps + tap], [&](int64_t i, int integer) {
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

std::string round_weight(const float* numbers, const Weight& to, ScaleRule rule) {
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
      return round_to_blocks(numbers, to, rule);
  }
  return "";
}

std::string wrong_in_blocks(const Weight& weight) {
  const auto* scales = static_cast<const uint16_t*>(weight.scales.data);
  const auto* integers = static_cast<const int8_t*>(weight.values.data);
  if (!std::all_of(scales, scales + weight.scales.numel(), is_finite_f16)) return "a scale that is not finite";
  const bool is_q8 = weight.format() == WeightFormat::q8;
  if (is_q8 && std::find(integers, integers + weight.values.numel(), -128) != integers + weight.values.numel())
    return "a -128, expected -127 to 127";
  return "";
}

bool KeepRule::fits(const std::string& name) const {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::string KeepRule::str() const {
  return format ? pattern + "=" + name_of(*format) : pattern;
}

std::vector<std::string> strings_of(const std::vector<KeepRule>& rules) {
  std::vector<std::string> strings;
  for (const KeepRule& rule : rules) strings.push_back(rule.str());
  return strings;
}

std::optional<KeepRule> keep_rule(std::string_view text) {
  const size_t end = text.find('=');
  KeepRule rule{.pattern = std::string(text.substr(0, end))};
  if (end == text.npos) return rule;
  rule.format = value_in(kWeightFormats, text.substr(end + 1));
  if (!rule.format || row_of(*rule.format).block == 0) return {};
  return rule;
}

bool may_become(WeightFormat stored, WeightFormat wanted) {
  return row_of(stored).block == 0 || wanted == stored || wanted == WeightFormat::f32;
}

WeightFormat format_of(WeightFormat format, DType activations, const std::string& part, const std::string& name,
                       const std::vector<KeepRule>& keep) {
  if (row_of(format).block == 0) return format;
  const WeightFormat in_16_bits = activations == DType::bf16 ? WeightFormat::bf16 : WeightFormat::f16;
  const bool stays = std::any_of(std::begin(kStays16), std::end(kStays16), [&](const auto& row) {
    return part == row.part && (*row.name == 0 || name == row.name);
  });
  if (stays) return in_16_bits;
  const auto rule =
      std::find_if(keep.begin(), keep.end(), [&](const KeepRule& r) { return r.fits(part + "." + name); });
  return rule == keep.end() ? format : rule->format.value_or(in_16_bits);
}

}  // namespace seedstory
