// The tests' one way to Catch2; CMake puts the folder of the installed version on the path.
#pragma once
#include <catch2/catch_all.hpp>

using Catch::Approx;

// The names of version 2 that the tests use.
namespace Catch {

inline auto Contains(const std::string& part) {
  return Matchers::ContainsSubstring(part);
}
inline auto StartsWith(const std::string& start) {
  return Matchers::StartsWith(start);
}
inline auto EndsWith(const std::string& end) {
  return Matchers::EndsWith(end);
}

}  // namespace Catch
