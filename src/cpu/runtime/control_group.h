// What the control groups (cgroup v1 and v2) of this process allow it: a container, a job of a cluster, a service.
#pragma once

#include <cstdint>
#include <filesystem>

namespace seedstory::cpu {

struct GroupLimits {
  explicit GroupLimits(const std::filesystem::path& root = "/");  // of /proc and /sys; another one for tests

  int64_t free_bytes;  // before the kernel kills; the largest int64_t where no group says
  double cores;        // seconds of CPU time a second; infinity where no group says
};

// Cores that this process may use: its affinity mask, and not more than its groups' quota of CPU time rounded up.
int usable_cores(const std::filesystem::path& root = "/");

}  // namespace seedstory::cpu
