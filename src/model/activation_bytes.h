// How much activation memory a piece of model code needs: run it for real, on nothing.
#pragma once

#include "seedstory/arena.h"

namespace seedstory {

template <class F>
int64_t dry_run_bytes(F&& run) {
  DryBackend backend;
  Arena counting;
  run(backend, counting);
  return counting.peak_bytes();
}

// Runs step(backend, arena) with an arena of just the size that a dry run of it asks for.
template <class F>
void with_scratch(Backend& backend, F&& step) {
  Arena arena(backend, dry_run_bytes(step));
  step(backend, arena);
}

}  // namespace seedstory
