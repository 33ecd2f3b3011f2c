// What a run ends with: everything printed and the exit code, or one line that says what is wrong.
#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "cli/early_log.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// Also where the command line cannot be understood: a program that reads stderr should not meet a line of another kind.
bool asks_for_json(int argc, const char* const* argv) {
  const auto has = [&](std::string_view word) { return std::find(argv, argv + argc, word) != argv + argc; };
  const char* variable = std::getenv("SEEDSTORY_PROGRESS_JSON");
  return has("--progress-json") || (variable && !has("--no-settings") &&
                                    (variable == std::string_view("1") || variable == std::string_view("true")));
}

// Of a full disk the C library speaks only when its buffer is written.
void need_printed() {
  std::cout.flush();
  if (std::fflush(stdout) != 0) fail(std::string("standard output cannot be written: ") + std::strerror(errno));
  if (std::ferror(stdout)) fail("standard output cannot be written");
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const Backends& backends) {
  Terminal terminal;
  const auto complain = [&](const std::string& message, ErrorKind kind) {
    try {
      if (kind == ErrorKind::usage && !terminal.has_log() && message.find("--log-file") == std::string::npos)
        open_early_log({argv, argv + argc}, terminal);
    } catch (const Error&) {
      // the error that there is comes first
    }
    terminal.error(message, int(kind));
    return int(kind);
  };
  try {
    hold_standard_streams();
    if (asks_for_json(argc, argv)) terminal.speak_json();
    const int code = run_words(argc, argv, backends, terminal);
    if (code == 0) need_printed();
    return code;
  } catch (const Error& error) {
    return complain(error.what(), error.kind);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", ErrorKind::resource);
  } catch (const std::system_error& error) {
    const bool is_stdout = std::ferror(stdout) != 0;  // what fmt prints throws, and does not say where
    return complain(is_stdout ? "standard output cannot be written: " + error.code().message() : error.what(),
                    ErrorKind::failed);
  } catch (const std::exception& error) {
    return complain(error.what(), ErrorKind::failed);
  }
}

}  // namespace seedstory
