// What the inside of an op works with: kernels, threads, and memory that stays from call to call.
#pragma once

#include "cpu/runtime/scratch.h"
#include "cpu/runtime/thread_pool.h"
#include "seedstory/cpu_set.h"

namespace seedstory::cpu {

struct Kernels;  // cpu/simd/kernels.h

struct ExecContext {
  ExecContext(const Kernels& set, int threads, Products products) : kernels(set), products(products), pool(threads) {}

  const Kernels& kernels;
  const Products products;
  ThreadPool pool;
  Scratch scratch;
};

}  // namespace seedstory::cpu
