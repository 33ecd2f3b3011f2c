// What the inside of an op works with: kernels, threads, and memory that stays from call to call.
#pragma once

#include "cpu/runtime/scratch.h"
#include "cpu/runtime/thread_pool.h"

namespace seedstory::cpu {

struct Kernels;  // cpu/simd/kernels.h

struct ExecContext {
  ExecContext(const Kernels& set, int threads) : kernels(set), pool(threads) {}

  const Kernels& kernels;
  ThreadPool pool;
  Scratch scratch;
};

}  // namespace seedstory::cpu
