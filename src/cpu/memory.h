#pragma once

#include <cstdint>

namespace seedstory::cpu {

// Bytes that a process can still take before the machine swaps or its control group kills it: the smaller of
// /proc/meminfo's MemAvailable and what cgroup v2 leaves. The largest int64_t where neither says.
int64_t free_memory();

}  // namespace seedstory::cpu
