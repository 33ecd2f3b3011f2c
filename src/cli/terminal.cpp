#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/stop.h"
#include "io/file.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

using Json = nlohmann::ordered_json;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term && std::strcmp(term, "dumb") == 0;
}

bool wants_color(const std::string& when, bool is_terminal) {
  if (when == "on") return true;
  if (when == "off") return false;
  if (when != "auto") fail_usage(fmt::format("--color {}: expected on, off or auto", when));
  return is_terminal && !is_set("NO_COLOR") && !is_dumb();
}

// A longer line would wrap, and only its last row could be taken away again.
std::string_view fitting(std::string_view line) {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  return line.substr(0, size.ws_col - 1);
}

// One line that a terminal can bear, whatever a file has for names.
std::string one_line(std::string_view message) {
  constexpr size_t kMost = 2000;
  std::string line(message.substr(0, kMost));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return message.size() > kMost ? line + "..." : line;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(size_t(n));
  }
  return true;
}

// Messages that nobody can read any more (a closed terminal, a full disk) do not end a story.
void to_stderr(std::string_view text) {
  (void)write_all(STDERR_FILENO, text);
}

constexpr std::string_view kDim = "\x1b[2m", kYellow = "\x1b[33m", kRed = "\x1b[31m", kPlain = "\x1b[0m",
                           kClearLine = "\r\x1b[K";

}  // namespace

Terminal::~Terminal() {
  clear_live();
  if (log_ >= 0) ::close(log_);
}

void Terminal::set_up(const TerminalFlags& flags) {
  if (flags.progress_json) speak_json();
  quiet_ = flags.quiet;
  verbose_ = flags.verbose;
  stdout_is_terminal_ = ::isatty(STDOUT_FILENO);
  stderr_is_terminal_ = ::isatty(STDERR_FILENO);
  color_ = wants_color(flags.color, stderr_is_terminal_);
  if (flags.progress_fd) open_events(*flags.progress_fd);
  if (flags.log_file) open_log(*flags.log_file);
  live_allowed_ = stderr_is_terminal_ && !quiet_ && !is_set("CI") && !is_dumb();
}

void Terminal::speak_json() {
  events_ = STDERR_FILENO;
}

void Terminal::open_events(int64_t fd) {
  constexpr int64_t kMost = 1 << 20;
  if (fd < STDERR_FILENO || fd > kMost)
    fail_usage(fmt::format("--progress-fd {}: expected 2 or more; stdout is the story's", fd));
  if (::fcntl(int(fd), F_GETFD) < 0) fail_usage(fmt::format("--progress-fd {}: is not open", fd));
  events_ = int(fd);
}

void Terminal::open_log(const std::string& path) {
  log_ = open_to_append(path);
}

void Terminal::story(std::string_view text) {
  if (text.empty()) return;
  bytes(stdout_is_terminal_ ? printable(text) : std::string(text));
  inside_line_ = stdout_is_terminal_ && text.back() != '\n';
}

void Terminal::bytes(std::string_view bytes) {
  clear_live();
  if (reader_left_) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() && std::fflush(stdout) == 0) return;
  reader_left_ = errno == EPIPE || (errno == EIO && stdout_is_terminal_);  // EIO: the terminal was closed
  if (reader_left_)
    stop_for_reader();
  else
    fail(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

void Terminal::say(std::string_view line) {
  if (quiet_)
    log(line);  // which is for later, when nobody is disturbed
  else
    print(kDim, line);
}

void Terminal::detail(std::string_view line) {
  if (verbose_) print(kDim, line);
}

void Terminal::warn(std::string_view line) {
  event("warn", {{"message", line}});
  print(kYellow, line);
}

void Terminal::error(std::string_view line, int code) {
  std::fflush(stdout);
  try {
    event("error", {{"message", line}, {"code", code}});
    print(kRed, fmt::format("seedstory: {}", one_line(line)));
  } catch (const Error&) {
    error(line, code);  // the place that cannot be written is not tried again
  }
}

void Terminal::live(std::string_view line) {
  if (!live_allowed_ || inside_line_ || events_ == STDERR_FILENO) return;
  to_stderr(fmt::format("{}{}{}{}", kClearLine, color_ ? kDim : "", fitting(line), color_ ? kPlain : ""));
  live_shown_ = true;
}

void Terminal::event(const char* name, const Json& fields) {
  if (events_ < 0) return;
  Json json = {{"v", 1}, {"event", name}};
  json.update(fields);
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (write_all(events_, line) || events_ == STDERR_FILENO) return;
  const int fd = std::exchange(events_, -1);
  if (errno == EPIPE) return warn(fmt::format("--progress-fd {}: nobody reads it any more", fd));
  fail(fmt::format("--progress-fd {}: cannot be written: {}", fd, std::strerror(errno)));
}

void Terminal::clear_live() {
  if (live_shown_) to_stderr(kClearLine);
  live_shown_ = false;
}

void Terminal::print(std::string_view style, std::string_view line) {
  log(line);
  if (events_ == STDERR_FILENO) return;
  clear_live();
  if (inside_line_ && stderr_is_terminal_) {
    to_stderr("\n");
    inside_line_ = false;
  }
  to_stderr(fmt::format("{}{}{}\n", color_ ? style : "", line, color_ ? kPlain : ""));
}

void Terminal::log(std::string_view line) {
  if (log_ < 0) return;
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  if (write_all(log_, fmt::format("{:%FT%T}.{:03}Z {}\n", utc, ms, line))) return;
  log_ = -1;
  fail_input(fmt::format("--log-file: cannot be written: {}", std::strerror(errno)));
}

void say_on_stderr(const std::string& line) {
  if (!line.empty()) fmt::print(stderr, "{}\n", printable(line));
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  return shown;
}

}  // namespace seedstory
