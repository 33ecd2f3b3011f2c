// What the inside of an op works with: threads, and memory that stays from call to call.
#pragma once

#include "cpu/runtime/scratch.h"
#include "cpu/runtime/thread_pool.h"

namespace seedstory::cpu {

struct ExecContext {
  explicit ExecContext(int threads) : pool(threads) {}

  ThreadPool pool;
  Scratch scratch;
};

}  // namespace seedstory::cpu
