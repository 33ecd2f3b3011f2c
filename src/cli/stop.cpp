#include "cli/stop.h"

#include <unistd.h>

#include <csignal>

#include "cli/exit_codes.h"

namespace seedstory {
namespace {

volatile std::sig_atomic_t asked = 0, may_only_ask = 0;

// Files are replaced atomically, so that ending anywhere leaves whole frames.
void on_signal(int signal) {
  const int code = signal == SIGTERM ? kStoppedByTerm : kStoppedByInterrupt;
  if (asked || !may_only_ask) ::_exit(code);
  asked = code;
}

}  // namespace

void listen_for_stop() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

void finish_frames_before_stop() {
  may_only_ask = 1;
}

int stop_asked() {
  return asked;
}

}  // namespace seedstory
