#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/interrupt.h"
#include "io/file.h"
#include "seedstory/error.h"
#include "text/utf8.h"

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

bool wants_color(When when, bool is_terminal) {
  if (when != When::automatic) return when == When::always;
  return is_terminal && !is_set("NO_COLOR") && !is_dumb();
}

// A longer line would wrap, and only its last row could be taken away again.
std::string_view fitting(std::string_view line) {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  return line.substr(0, size.ws_col - 1);
}

// While it lives, a reader that is gone is an error of write(), whatever the program does at SIGPIPE else.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const int error = errno;  // write()'s, for the caller
    const timespec now{};
    if (!::sigismember(&before_, SIGPIPE)) ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_, before_;
};

constexpr std::string_view kDim = "\x1b[2m", kYellow = "\x1b[33m", kRed = "\x1b[31m", kPlain = "\x1b[0m",
                           kClearLine = "\r\x1b[K";

}  // namespace

bool ReportStream::give(int most_ms) {
  const NoPipeSignal no_signal;
  for (;;) {
    const auto taken = write_some(fd_, kept_);
    if (!taken) {
      kept_.clear();
      return false;
    }
    kept_.erase(0, *taken);
    if (kept_.empty() || (*taken == 0 && most_ms <= 0)) return true;
    const auto since = std::chrono::steady_clock::now();
    if (*taken == 0 && !wait_for_reader(fd_, most_ms)) most_ms = 0;
    most_ms -= int(std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since).count());
    patience_ms_ = std::min(patience_ms_, std::max(most_ms, 0));
  }
}

bool ReportStream::put(std::string_view text, bool may_drop) {
  constexpr size_t kMostKept = 1 << 20;
  if (!is_open()) return true;
  const bool is_behind = !kept_.empty() && patience_ms_ == 0;
  if (is_behind && (may_drop || kept_.size() + text.size() > kMostKept)) return give(0);
  kept_ += text;
  return give(patience_ms_);
}

void ReportStream::close() {
  constexpr int kLast = 1000;
  if (is_open() && !kept_.empty()) (void)give(kLast);
  fd_ = -1;
  kept_.clear();
}

Terminal::Terminal() {
  stderr_.open(STDERR_FILENO);
}

Terminal::~Terminal() {
  clear_live();
  log_.close();
  if (log_fd_ >= 0) ::close(log_fd_);
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
  json_ = true;
}

void Terminal::open_events(int64_t fd) {
  const int mode = ::fcntl(int(fd), F_GETFL);
  if (mode < 0) fail_usage(fmt::format("--progress-fd {}: is not open", fd));
  if ((mode & O_ACCMODE) == O_RDONLY) fail_usage(fmt::format("--progress-fd {}: is open for reading only", fd));
  json_ = fd == STDERR_FILENO;
  if (!json_) events_.open(int(fd));
}

void Terminal::open_log(const std::string& path) {
  if (has_content(path)) {
    const MappedFile log(path);
    if (!is_log({reinterpret_cast<const char*>(log.bytes().data()), log.bytes().size()}))
      fail_input(fmt::format("--log-file {}: is not a log of this program, and nothing is appended to it", path));
  }
  log_fd_ = open_to_append(path);
  log_.open(log_fd_);
}

// Messages that nobody can read any more (a closed terminal, a full disk) do not end a story.
void Terminal::to_stderr(std::string_view text, bool may_drop) {
  (void)stderr_.put(text, may_drop);
}

void Terminal::story(std::string_view text) {
  if (text.empty()) return;
  bytes(stdout_is_terminal_ ? printable(text) : std::string(text));
  inside_line_ = stdout_is_terminal_ && text.back() != '\n';
}

void Terminal::bytes(std::string_view bytes) {
  clear_live();
  if (reader_left_) return;
  if (std::fflush(stdout) == 0 && write_to_reader(STDOUT_FILENO, bytes, [] { return stop_asked() != 0; })) return;
  // EIO: the terminal was closed. ECANCELED: a signal came while the reader took nothing.
  reader_left_ = errno == EPIPE || errno == ECANCELED || (errno == EIO && stdout_is_terminal_);
  if (reader_left_)
    stop_for_reader();
  else
    fail(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

void Terminal::say(std::string_view line) {
  if (quiet_)
    log(one_line(line));  // which is for later, when nobody is disturbed
  else
    print(kDim, line);
}

void Terminal::tell(std::string_view line) {
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
  event("error", {{"message", line}, {"code", code}});
  print(kRed, fmt::format("seedstory: {}", line));
}

void Terminal::live(std::string_view line) {
  if (!live_allowed_ || inside_line_ || json_) return;
  const std::string shown = one_line(line);
  to_stderr(fmt::format("{}{}{}{}", kClearLine, color_ ? kDim : "", fitting(shown), color_ ? kPlain : ""), true);
  live_shown_ = true;
}

void Terminal::event(const char* name, const Json& fields) {
  if (!json_ && !events_.is_open()) return;
  Json json = {{"v", 1}, {"event", name}};
  json.update(fields);
  const std::string line = json_text(json) + "\n";
  const bool may_drop = std::string_view(name) == "step";
  if (json_) return to_stderr(line, may_drop);
  if (events_.put(line, may_drop)) return;
  const int error = errno, fd = events_.fd();
  events_.close();
  if (error == EPIPE) return warn(fmt::format("--progress-fd {}: nobody reads it any more", fd));
  warn(fmt::format("--progress-fd {}: cannot be written: {}; the story goes on without it", fd, std::strerror(error)));
}

void Terminal::clear_live() {
  if (live_shown_) to_stderr(kClearLine);
  live_shown_ = false;
}

void Terminal::print(std::string_view style, std::string_view text) {
  const std::string line = one_line(text);
  log(line);
  if (json_) return;
  clear_live();
  const bool breaks = inside_line_ && stderr_is_terminal_;
  if (breaks) inside_line_ = false;
  to_stderr(fmt::format("{}{}{}{}\n", breaks ? "\n" : "", color_ ? style : "", line, color_ ? kPlain : ""));
}

void Terminal::log(std::string_view line) {
  if (!log_.is_open()) return;
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  if (log_.put(fmt::format("{:%FT%T}.{:03}Z {}\n", utc, ms, line), false)) return;
  const int error = errno;
  log_.close();
  warn(fmt::format("--log-file: cannot be written: {}; the story goes on without it", std::strerror(error)));
}

namespace {

// A character that moves or hides others: C0 and C1 controls, line separators, marks of direction.
bool is_unprintable(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x206f);
}

// Calls keep() for what a terminal can bear and drop() for the other characters and for bytes that are none.
template <class Keep, class Drop>
void each_character(std::string_view text, Keep&& keep, Drop&& drop) {
  while (!text.empty()) {
    const Utf8Character c = first_character(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(c.length, 1));
    text.remove_prefix(bytes.size());
    c.length == 0 || is_unprintable(c.code) ? drop(bytes, c) : keep(bytes);
  }
}

}  // namespace

void say_on_stderr(const std::string& line) {
  const NoPipeSignal no_signal;
  if (!line.empty()) (void)write_to_reader(STDERR_FILENO, printable(line) + "\n", [] { return stop_asked() != 0; });
}

bool is_log(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z ";
  const auto fits = [](char form, char c) { return form == '0' ? c >= '0' && c <= '9' : c == form; };
  return text.size() >= kForm.size() && std::equal(kForm.begin(), kForm.end(), text.begin(), fits);
}

std::string printable(std::string_view text) {
  std::string shown;
  each_character(
      text, [&](std::string_view bytes) { shown += bytes; },
      [&](std::string_view bytes, const Utf8Character& c) {
        shown += c.length && (c.code == '\n' || c.code == '\t') ? std::string(bytes) : "?";
      });
  return shown;
}

std::string one_line(std::string_view text) {
  constexpr size_t kMost = 2000;
  std::string line;
  each_character(
      text, [&](std::string_view bytes) { line += bytes; },
      [&](std::string_view, const Utf8Character&) { line += '?'; });
  if (line.size() <= kMost) return line;
  line.resize(kMost);
  while (!is_utf8(line)) line.pop_back();  // not inside a character
  return line + "...";
}

std::string json_text(const Json& json, int indent) {
  std::string text;
  each_character(
      json.dump_replacing(indent), [&](std::string_view bytes) { text += bytes; },
      [&](std::string_view bytes, const Utf8Character& c) {
        text += c.code == '\n' ? std::string(bytes) : fmt::format("\\u{:04x}", c.code);
      });
  return text;
}

void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace seedstory
