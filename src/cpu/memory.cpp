#include "cpu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace seedstory::cpu {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

int64_t available_kib() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key, unit;
  for (int64_t value; meminfo >> key >> value; std::getline(meminfo, unit))
    if (key == "MemAvailable:") return value;
  return -1;
}

// The first number of a file of the control group; -1: no such file, or "max".
int64_t of_group(const std::string& name) {
  std::ifstream group("/proc/self/cgroup");
  for (std::string line; std::getline(group, line);)
    if (line.starts_with("0::")) {
      int64_t value = -1;
      return std::ifstream("/sys/fs/cgroup" + line.substr(3) + "/" + name) >> value ? value : -1;
    }
  return -1;
}

}  // namespace

int64_t free_memory() {
  const int64_t machine = available_kib(), most = of_group("memory.max"), used = of_group("memory.current");
  const int64_t left = most < 0 || used < 0 ? kUnknown : std::max<int64_t>(most - used, 0);
  return std::min(machine < 0 ? kUnknown : machine * 1024, left);
}

void* allocate(int64_t bytes) {
  constexpr int64_t kLine = 64, kLargePage = 2 << 20, kLarge = 256 << 20;
  const bool large = bytes >= kLarge;
  const int64_t align = large ? kLargePage : kLine;
  void* memory = std::aligned_alloc(size_t(align), size_t((bytes + align - 1) / align * align));
  if (large && memory) (void)::madvise(memory, size_t(bytes), MADV_HUGEPAGE);  // advice: without it all works too
  return memory;
}

}  // namespace seedstory::cpu
