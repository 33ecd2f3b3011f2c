// Ctrl-C, SIGTERM, SIGHUP: the first one lets the frame in work be finished, the second one ends the program at once.
// So does a reader of stdout who leaves, but without a second time.
#pragma once

namespace seedstory {

// From here on the signals end the program at once, with their exit codes: there is nothing to finish yet. A signal
// that was ignored when the program was started (nohup, a shell's background) stays ignored.
void listen_for_stop();

// From here on the first signal only asks.
void finish_frames_before_stop();

// From here on a reader who leaves is an error of the write, no longer the end of the program.
void outlive_reader();

// Asks as a signal does: whoever read stdout went away.
void stop_for_reader();

// The exit code that was asked for, one of kStoppedBy...; 0: nobody asked.
int stop_asked();

}  // namespace seedstory
