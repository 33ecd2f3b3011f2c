// f16 and bf16 as bits, every one of them: against the oracle's doubles.
#include "seedstory/float16.h"

#include <cmath>
#include <limits>

#include "ops/harness.h"

using namespace seedstory;

namespace {

uint16_t rounded(DType type, double value) {
  uint16_t bits = 0;
  oracle::put(type, &bits, value);
  return bits;
}

// Every number of the type, and the f32 in the middle between it and the next with that one's neighbours.
template <class ToF32, class FromF32>
void expect_nearest(DType type, ToF32&& to_f32, FromF32&& from_f32) {
  int64_t wrong = 0;
  for (uint32_t i = 0; i < 0xffff; ++i) {
    const auto bits = uint16_t(i), next = uint16_t(i + 1);
    const float x = to_f32(bits), y = to_f32(next);
    if (std::isnan(x)) {
      wrong += !std::isnan(to_f32(from_f32(x)));
      continue;
    }
    wrong += double(x) != oracle::get(type, &bits) || from_f32(x) != bits;
    // Half way to infinity is where the next number would be, were there one.
    const double middle = std::isinf(y) ? 2.0 * x - (double(x) + to_f32(uint16_t(bits - 1))) / 2 : (double(x) + y) / 2;
    if (std::isnan(y) || std::isinf(x) || std::isinf(float(middle))) continue;
    const float half = float(middle), infinity = std::numeric_limits<float>::infinity();
    for (const float value : {std::nextafter(half, -infinity), half, std::nextafter(half, infinity)})
      wrong += from_f32(value) != rounded(type, double(value));
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("Floats of 16 bits are rounded to the nearest, ties to even", "[ops]") {
  expect_nearest(DType::f16, f16_to_f32, f32_to_f16);
  expect_nearest(DType::bf16, bf16_to_f32, f32_to_bf16);
}
