// What this machine can do at most, measured.
#pragma once

#include "seedstory/cpu_set.h"
#include "seedstory/ops.h"

namespace seedstory {

struct Limits {
  double flops = 0;  // a second: multiply-adds in registers, all threads
  double bytes = 0;  // a second: a copy far larger than the caches, read and written, all threads

  // Seconds that a perfect implementation takes: the longer of its arithmetic and its memory.
  double seconds(const Cost& cost) const {
    const double arithmetic = cost.flops / flops, memory = cost.bytes / bytes;
    return arithmetic > memory ? arithmetic : memory;
  }
};

// With the instructions of a set of the CPU's kernels, on numbers of this type: bf16 where the set has products in it,
// else f32. Takes some tenths of a second and 256 MiB.
Limits measure_limits(int threads, CpuSet set, WeightFormat weight_format);

}  // namespace seedstory
