// The two streams: the story on stdout, everything else on stderr, in lines for a person or in JSON for a program.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace seedstory {

struct TerminalFlags {
  bool quiet = false, verbose = false, progress_json = false;
  std::string color = "auto";
  std::optional<int64_t> progress_fd;
  std::optional<std::string> log_file;
};

// What goes to stderr, the log and the events never fails: a story is worth more than the report of it.
class Terminal {
 public:
  Terminal() = default;  // plain, until the flags are known
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // ErrorKind::usage: flags that make no sense; ErrorKind::input: the log file cannot be opened.
  void set_up(const TerminalFlags& flags);
  // Every line on stderr is JSON from here on, errors about the command line too.
  void speak_json();

  // To stdout at once; ErrorKind::failed where it cannot be written (a full disk). A reader who left asks for a stop.
  void story(std::string_view text);
  void bytes(std::string_view bytes);  // the same for what is not text

  void say(std::string_view line);     // unless quiet, but into the log file; programs have events for it
  void detail(std::string_view line);  // if verbose
  void warn(std::string_view line);    // always
  void error(std::string_view line, int code);

  // One line that the next one replaces; only where stderr is a terminal.
  void live(std::string_view line);

  // One line of --progress-json: {"v":1,"event":NAME, and `fields`}.
  void event(const char* name, const nlohmann::ordered_json& fields);

 private:
  void open_events(int64_t fd);
  void open_log(const std::string& path);
  void clear_live();
  void print(std::string_view style, std::string_view line);
  void log(std::string_view line);

  bool quiet_ = false, verbose_ = false, color_ = false;
  bool stdout_is_terminal_ = false, stderr_is_terminal_ = false, live_allowed_ = false;
  bool live_shown_ = false, reader_left_ = false;
  bool inside_line_ = false;  // of the story, on a terminal
  int events_ = -1, log_ = -1;
};

// A line for commands that have no flags for messages; nothing for an empty one.
void say_on_stderr(const std::string& line);

// What may stand in a terminal: control characters (C0, C1) other than newline and tab, marks that turn the direction
// of text, and bytes that are no UTF-8 become '?'.
std::string printable(std::string_view text);
// The same without line breaks and tabs, 2000 bytes of it at most.
std::string one_line(std::string_view text);
// JSON whose strings have such characters as \uXXXX: the same value.
std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

// To be called first: standard streams that came closed are opened on nothing that can be read or written, so that no
// file of the program's gets their number.
void hold_standard_streams();

}  // namespace seedstory
