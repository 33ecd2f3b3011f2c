// What the program's exit codes mean: --help, the man page and docs/cli.md say it in these words.
#pragma once

#include "seedstory/error.h"

namespace seedstory {

inline constexpr int kStoppedByTerm = 75;  // EX_TEMPFAIL of sysexits.h
inline constexpr int kStoppedByInterrupt = 130;
inline constexpr int kStoppedByReader = 141;  // as a shell says it of SIGPIPE

struct ExitCode {
  int code;
  const char* meaning;
};
inline constexpr ExitCode kExitCodes[] = {
    {0, "done"},
    {int(ErrorKind::failed), "the generation failed"},
    {int(ErrorKind::usage), "the command line or an environment variable is wrong"},
    {int(ErrorKind::input), "an input, a model, the configuration or the output place is missing or invalid"},
    {int(ErrorKind::resource), "not enough memory or no such device"},
    {kStoppedByTerm, "stopped by SIGTERM or SIGHUP after a frame; the same command goes on from there"},
    {kStoppedByInterrupt, "stopped by Ctrl-C after a frame, or at once by the second; the same command goes on"},
    {kStoppedByReader, "whoever read standard output went away; stopped after a frame, the same command goes on"},
};

}  // namespace seedstory
