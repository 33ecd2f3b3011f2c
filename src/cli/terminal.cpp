#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "seedstory/error.h"

namespace seedstory {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term && std::strcmp(term, "dumb") == 0;
}

bool wants_color(const std::string& when) {
  if (when == "on") return true;
  if (when == "off") return false;
  if (when != "auto") fail_usage(fmt::format("--color {}: expected on, off or auto", when));
  return ::isatty(STDERR_FILENO) && !is_set("NO_COLOR") && !is_dumb();
}

constexpr std::string_view kDim = "\x1b[2m", kYellow = "\x1b[33m", kPlain = "\x1b[0m", kClearLine = "\r\x1b[K";

}  // namespace

Terminal::Terminal(Loudness loudness, const std::string& color)
    : loudness_(loudness),
      stdout_is_terminal_(::isatty(STDOUT_FILENO)),
      live_allowed_(loudness != Loudness::quiet && ::isatty(STDERR_FILENO) && !is_set("CI") && !is_dumb()),
      color_(wants_color(color)) {}

void Terminal::story(std::string_view text) {
  clear_live();
  const std::string shown = stdout_is_terminal_ ? printable(text) : std::string(text);
  if (std::fwrite(shown.data(), 1, shown.size(), stdout) != shown.size() || std::fflush(stdout) != 0)
    fail(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

void Terminal::say(std::string_view line) {
  if (loudness_ != Loudness::quiet) print(kDim, line);
}

void Terminal::detail(std::string_view line) {
  if (loudness_ == Loudness::verbose) print(kDim, line);
}

void Terminal::warn(std::string_view line) {
  print(kYellow, line);
}

void Terminal::live(std::string_view line) {
  if (!live_allowed_) return;
  fmt::print(stderr, "{}{}{}{}", kClearLine, color_ ? kDim : "", line, color_ ? kPlain : "");
  std::fflush(stderr);
  live_shown_ = true;
}

void Terminal::clear_live() {
  if (live_shown_) fmt::print(stderr, "{}", kClearLine);
  live_shown_ = false;
}

void Terminal::print(std::string_view style, std::string_view line) {
  clear_live();
  fmt::print(stderr, "{}{}{}\n", color_ ? style : "", line, color_ ? kPlain : "");
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  return shown;
}

}  // namespace seedstory
