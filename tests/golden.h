// Where the golden values of the reference implementation lie, for the tests that hold us against them. They are not
// part of the repository: without them those tests say so and are skipped.
#pragma once

#include "catch.h"
#include "golden_values.h"

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

}  // namespace seedstory
