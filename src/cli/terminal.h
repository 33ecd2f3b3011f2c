// The two streams: the story on stdout, everything else on stderr.
#pragma once

#include <string>
#include <string_view>

namespace seedstory {

class Terminal {
 public:
  enum class Loudness { quiet, normal, verbose };
  // color: on, off or auto, as --color takes it (ErrorKind::usage otherwise).
  Terminal(Loudness loudness, const std::string& color);
  ~Terminal() { clear_live(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // To stdout at once; ErrorKind::failed where it cannot be written (a full disk).
  void story(std::string_view text);

  void say(std::string_view line);     // unless quiet
  void detail(std::string_view line);  // if verbose
  void warn(std::string_view line);    // always

  // One line that the next one replaces; only where stderr is a terminal.
  void live(std::string_view line);

 private:
  void clear_live();
  void print(std::string_view style, std::string_view line);

  Loudness loudness_;
  bool stdout_is_terminal_, live_allowed_, color_;
  bool live_shown_ = false;
};

// What may stand in a terminal: control characters other than newline and tab become '?'.
std::string printable(std::string_view text);

}  // namespace seedstory
