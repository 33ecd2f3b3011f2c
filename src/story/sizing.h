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

}  // namespace seedstory
