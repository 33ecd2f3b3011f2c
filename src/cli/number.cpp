#include "cli/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "seedstory/error.h"

namespace seedstory {
namespace {

[[noreturn]] void wrong(const std::string& name, std::string_view text, std::string_view expected) {
  if (text.empty()) fail_usage(name + ": is empty");
  fail_usage(fmt::format("{} {}: expected {}", name, text, expected));
}

// The whole text as a number; from_chars takes no space, no plus and, told so, no other base.
template <class T, class... Form>
std::errc read(std::string_view text, T& value, Form... form) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, form...);
  return end == text.data() + text.size() ? error : std::errc::invalid_argument;
}

}  // namespace

int64_t parse_whole(const std::string& name, std::string_view text) {
  using Limits = std::numeric_limits<int64_t>;
  int64_t value = 0;
  const std::errc error = read(text, value, 10);
  if (error == std::errc::result_out_of_range)
    wrong(name, text, fmt::format("a whole number from {} to {}", Limits::min(), Limits::max()));
  if (error != std::errc()) wrong(name, text, "a whole number");
  return value;
}

double parse_real(const std::string& name, std::string_view text) {
  double value = 0;
  const std::errc error = read(text, value, std::chars_format::general);
  if (error == std::errc::result_out_of_range) wrong(name, text, "a number nearer to 1");
  if (error != std::errc() || !std::isfinite(value)) wrong(name, text, "a number");
  return value;
}

}  // namespace seedstory
