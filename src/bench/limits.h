// What the machine can do at most, measured.
#pragma once

#include <string>

#include "model/weights.h"
#include "seedstory/backend.h"
#include "seedstory/cpu_set.h"
#include "seedstory/ops.h"

namespace seedstory {

struct Limits {
  double flops = 0;    // a second
  double bytes = 0;    // a second
  std::string source;  // where the two come from, for people

  // Seconds that a perfect implementation takes: the longer of its arithmetic and its memory.
  double seconds(const Cost& cost) const {
    const double arithmetic = cost.flops / flops, memory = cost.bytes / bytes;
    return arithmetic > memory ? arithmetic : memory;
  }
  bool is_memory_bound(const Cost& cost) const { return cost.bytes / bytes > cost.flops / flops; }
};

// Of a CPU: multiply-adds in registers, and a copy far larger than the caches, read and written, on all threads. With
// the instructions of a set of the CPU's kernels, on numbers of this type: bf16 where the set has products in it, else
// f32. Takes some tenths of a second and 256 MiB.
Limits measure_limits(int threads, CpuSet set, WeightFormat weight_format);

// Of any backend: what its own products reach. An op whose kernel is better than theirs passes them.
Limits measure_limits(Backend& backend, NumberTypes types);

}  // namespace seedstory
