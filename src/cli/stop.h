// Ctrl-C and SIGTERM: the first one lets the frame in work be finished, the second one ends the program at once.
#pragma once

namespace seedstory {

// From here on both signals end the program at once, with their exit codes: there is nothing to finish yet.
void listen_for_stop();

// From here on the first signal only asks.
void finish_frames_before_stop();

// The exit code that was asked for, kStoppedByInterrupt or kStoppedByTerm; 0: nobody asked.
int stop_asked();

}  // namespace seedstory
