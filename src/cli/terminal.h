// The two streams: the story on stdout, everything else on stderr, in lines for a person or in JSON for a program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/choice.h"
#include "io/json.h"

namespace seedstory {

struct TerminalFlags {
  bool quiet = false, verbose = false, progress_json = false;
  When color = When::automatic;
  std::optional<int64_t> progress_fd;
  std::optional<std::string> log_file;
};

// A descriptor for reports. The story goes on without a reader who takes nothing: it waits five seconds for it in all.
// What was not taken by then is kept, 1 MiB of it at most, for when it reads again; what may be dropped is not.
class ReportStream {
 public:
  ReportStream() = default;
  ~ReportStream() { close(); }
  ReportStream(const ReportStream&) = delete;
  ReportStream& operator=(const ReportStream&) = delete;

  void open(int fd) { fd_ = fd; }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void close();  // waits a second for what is kept; the descriptor stays open

  bool put(std::string_view text, bool may_drop);  // false: it cannot be written; the error is in errno

 private:
  bool give(int most_ms);

  int fd_ = -1;
  int patience_ms_ = 5000;
  std::string kept_;
};

// What goes to stderr, the log and the events never fails: a story is worth more than the report of it.
class Terminal {
 public:
  Terminal();  // plain, until the flags are known
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // ErrorKind::usage: flags that make no sense; ErrorKind::input: the log file cannot be opened.
  void set_up(const TerminalFlags& flags);
  // From here on what goes to stderr is appended to this file; ErrorKind::input where it cannot be opened.
  void open_log(const std::string& path);
  bool has_log() const { return log_.is_open(); }
  // Every line on stderr is JSON from here on, errors about the command line too.
  void speak_json();

  // To stdout at once; ErrorKind::failed where it cannot be written (a full disk). A reader who left asks for a stop.
  void story(std::string_view text);
  void bytes(std::string_view bytes);           // the same for what is not text
  bool is_cut() const { return reader_left_; }  // stdout has not all of it: its reader left, or took nothing at a stop

  void say(std::string_view line);     // unless quiet, but into the log file; programs have events for it
  void detail(std::string_view line);  // if verbose
  void tell(std::string_view line);    // also if quiet: what cannot be known from the command line
  void warn(std::string_view line);    // always
  void error(std::string_view line, int code);

  // One line that the next one replaces; only where stderr is a terminal.
  void live(std::string_view line);

  // One line of --progress-json: {"v":1,"event":NAME, and `fields`}. Of steps some may be missing where the reader is
  // behind.
  void event(const char* name, const Json& fields);

 private:
  void open_events(int64_t fd);
  void to_stderr(std::string_view text, bool may_drop = false);
  void clear_live();
  void print(std::string_view style, std::string_view line);
  void log(std::string_view line);

  bool quiet_ = false, verbose_ = false, color_ = false;
  bool stdout_is_terminal_ = false, stderr_is_terminal_ = false, live_allowed_ = false;
  bool live_shown_ = false, reader_left_ = false;
  bool inside_line_ = false;  // of the story, on a terminal
  bool json_ = false;         // events to stderr, and nothing else
  int log_fd_ = -1;
  ReportStream stderr_, events_, log_;  // events_: of --progress-fd
};

// A line for commands that have no flags for messages; nothing for an empty one.
void say_on_stderr(const std::string& line);

// What may stand in a terminal: control characters (C0, C1) other than newline and tab, marks that turn the direction
// of text, and bytes that are no UTF-8 become '?'.
std::string printable(std::string_view text);
// The same without line breaks and tabs, 2000 bytes of it at most.
std::string one_line(std::string_view text);
// Whether a text begins as a log of this program's does, with a time.
bool is_log(std::string_view text);
// JSON whose strings have such characters as \uXXXX: the same value.
std::string json_text(const Json& json, int indent = -1);

// To be called first: standard streams that came closed are opened on nothing that can be read or written, so that no
// file of the program's gets their number.
void hold_standard_streams();

}  // namespace seedstory
