// Where the reference values lie: $SEEDSTORY_GOLDEN, else shared/golden beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "catch.h"

inline std::filesystem::path golden_dir() {
  const char* set = std::getenv("SEEDSTORY_GOLDEN");
  return set ? std::filesystem::path(set) : std::filesystem::path(SEEDSTORY_SOURCE_DIR) / ".." / "shared" / "golden";
}

// False, and says so, where the reference values are not there.
inline bool have_golden() {
  const bool there = std::filesystem::exists(golden_dir() / "a" / "expected.json");
  if (!there) WARN("SKIPPED: no reference values in " << golden_dir().string() << " (set SEEDSTORY_GOLDEN)");
  return there;
}
