#include "cpu/runtime/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include "cpu/runtime/control_group.h"
#include "seedstory/weight.h"

namespace seedstory::cpu {
namespace {

std::atomic<int64_t> held = 0, peak = 0;

int64_t available_kib() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key, unit;
  for (int64_t value; meminfo >> key >> value; std::getline(meminfo, unit))
    if (key == "MemAvailable:") return value;
  return -1;
}

}  // namespace

int64_t free_memory() {
  const int64_t kib = available_kib();
  return std::min(kib < 0 ? std::numeric_limits<int64_t>::max() : kib * 1024, GroupLimits().free_bytes);
}

int64_t take_peak_bytes() {
  return peak.exchange(held);
}

void release(void* memory) {
  if (memory) held -= int64_t(malloc_usable_size(memory));
  std::free(memory);
}

void* allocate(int64_t bytes) {
  constexpr int64_t kLargePage = 2 << 20;
  const bool large = bytes >= kLargeBlock;
  const int64_t align = large ? kLargePage : kAlign;
  void* memory = std::aligned_alloc(size_t(align), size_t((bytes + align - 1) / align * align));
  if (large && memory) (void)::madvise(memory, size_t(bytes), MADV_HUGEPAGE);  // advice: without it all works too
  if (!memory) return memory;
  const int64_t now = held += int64_t(malloc_usable_size(memory));
  for (int64_t before = peak; before < now && !peak.compare_exchange_weak(before, now);) continue;
  return memory;
}

}  // namespace seedstory::cpu
