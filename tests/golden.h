// Where the golden values of the reference implementation lie, for the tests that hold us against them. They are not
// part of the repository: without them those tests say so and are skipped.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "catch.h"
#include "io/weights_file.h"

namespace seedstory {

// $SEEDSTORY_GOLDEN, else ../shared/golden beside the repository; then the set of that name in it.
inline std::filesystem::path golden_dir(const std::string& set = "a") {
  const char* given = std::getenv("SEEDSTORY_GOLDEN");
  const std::filesystem::path root =
      given ? std::filesystem::path(given) : std::filesystem::path(SEEDSTORY_SOURCE_DIR) / "../shared/golden";
  return root / set;
}

inline bool have_golden() {
  if (std::filesystem::exists(golden_dir() / "expected.safetensors")) return true;
  WARN("skipped: no golden values at " << golden_dir().string() << " (set SEEDSTORY_GOLDEN)");
  return false;
}

// The largest error relative to the largest expected magnitude, as golden/compare has it.
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

inline Tensor golden_tensor(const TensorSource& source, const std::string& name) {
  const StoredTensor* found = source.find(name);
  if (!found) fail("golden: no tensor " + name);
  return found->values;
}

}  // namespace seedstory
