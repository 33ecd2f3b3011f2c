#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>

#include "cli/exit_codes.h"

namespace seedstory {
namespace {

volatile std::sig_atomic_t asked = 0, may_only_ask = 0;

// Files are replaced atomically, so that ending anywhere leaves whole frames.
void on_signal(int signal) {
  const int code = signal == SIGINT ? kStoppedByInterrupt : kStoppedByTerm;
  if (asked || !may_only_ask) ::_exit(code);
  asked = code;
}

}  // namespace

void listen_for_stop() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    const bool ignored = ::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
    if (!ignored) std::signal(signal, on_signal);
  }
}

void outlive_reader() {
  std::signal(SIGPIPE, SIG_IGN);
}

void stop_for_reader() {
  if (!asked) asked = kStoppedByReader;
}

void finish_frames_before_stop() {
  may_only_ask = 1;
}

int stop_asked() {
  return asked;
}

}  // namespace seedstory
