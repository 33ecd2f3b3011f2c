// The golden values of the reference implementation, and how far from them one may be. They are not part of the
// repository.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "io/weights_file.h"

namespace seedstory {

// Of a tensor in f32, relative to the largest expected magnitude: the golden values' own.
inline double golden_limit(std::string_view name) {
  if (name.find(".feature.") != name.npos) return 1e-3;
  return name.starts_with("input_resampler.") ? 1e-4 : 2e-5;
}

// The largest error relative to the largest expected magnitude.
inline double relative_error(const Tensor& expected, const float* got) {
  const float* want = expected.as<float>();
  double worst = 0, size = 1e-30;
  for (int64_t i = 0; i < expected.numel(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    worst = std::max(worst, std::abs(double(want[i]) - got[i]));
    size = std::max(size, std::abs(double(want[i])));
  }
  return worst / size;
}

// How much of a picture is equal, and within one step.
struct EqualPixels {
  double equal = 0, near = 0;
  bool is_close() const { return equal >= 0.99 && near >= 0.999; }
};

inline EqualPixels equal_pixels(const Tensor& expected, const Tensor& got) {
  const auto *want = expected.as<uint8_t>(), *have = got.as<uint8_t>();
  int64_t equal = 0, near = 0;
  for (int64_t i = 0; i < expected.numel(); ++i) {
    equal += want[i] == have[i];
    near += std::abs(want[i] - have[i]) <= 1;
  }
  return {.equal = double(equal) / double(expected.numel()), .near = double(near) / double(expected.numel())};
}

inline Tensor golden_tensor(const TensorSource& source, const std::string& name) {
  const StoredTensor* found = source.find(name);
  if (!found) fail("golden: no tensor " + name);
  return found->values;
}

}  // namespace seedstory
