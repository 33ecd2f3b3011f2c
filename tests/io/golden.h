// Where the reference values lie: $SEEDSTORY_GOLDEN, else shared/golden beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "catch.h"

namespace seedstory {

inline std::filesystem::path golden_dir() {
  const char* set = std::getenv("SEEDSTORY_GOLDEN");
  const auto root = set ? std::filesystem::path(set) : std::filesystem::path(SEEDSTORY_SOURCE_DIR) / "../shared/golden";
  return root / "a";
}

// False, and says so, where the reference values are not there.
inline bool have_golden() {
  const bool there = std::filesystem::exists(golden_dir() / "expected.json");
  if (!there) WARN("skipped: no reference values in " << golden_dir().string() << " (set SEEDSTORY_GOLDEN)");
  return there;
}

}  // namespace seedstory
