#include "cli/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

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

// `read_error` may be that the number is larger than T, or nearer to 0.
template <class T>
T in_range(const std::string& name, std::string_view text, T value, std::errc read_error, const Range<T>& range) {
  if (read_error == std::errc::result_out_of_range || value < range.least || value > range.most)
    wrong(name, text, fmt::format("{} to {}{}", range.least, range.most, range.more));
  return value;
}

}  // namespace

int64_t parse_whole(const std::string& name, std::string_view text, const Range<int64_t>& range) {
  int64_t value = 0;
  const std::errc error = read(text, value, 10);
  if (error == std::errc::invalid_argument) wrong(name, text, "a whole number");
  return in_range(name, text, value, error, range);
}

std::string plural(int64_t count, const std::string& noun) {
  return count == 1 ? noun : noun + "s";
}

std::string counted(int64_t count, const std::string& noun) {
  return fmt::format("{} {}", count, plural(count, noun));
}

double parse_real(const std::string& name, std::string_view text, const Range<double>& range) {
  double value = 0;
  const std::errc error = read(text, value, std::chars_format::general);
  if (error == std::errc::invalid_argument || !std::isfinite(value)) wrong(name, text, "a number");
  return in_range(name, text, value, error, range);
}

}  // namespace seedstory
