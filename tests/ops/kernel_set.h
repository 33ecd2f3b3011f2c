// A set of kernels and the CPU's backends that compute with it.
#pragma once

#include <memory>
#include <vector>

#include "cpu/cpu_backend.h"
#include "ops/emulated_bf16.h"

namespace seedstory {

struct KernelSet {
  const cpu::Kernels& kernels;
  std::vector<std::unique_ptr<Backend>> backends;  // of 1, 2 and 3 threads

  explicit KernelSet(const cpu::Kernels& set) : kernels(set) {
    for (int threads : {1, 2, 3}) backends.push_back(cpu::make_backend(threads, set));
  }
};

inline const KernelSet& best_set() {
  static const KernelSet set(*cpu::kernel_sets().front());
  return set;
}

inline const KernelSet& emulated_bf16_set() {
  static const KernelSet set(cpu::emulated_bf16());
  return set;
}

}  // namespace seedstory
