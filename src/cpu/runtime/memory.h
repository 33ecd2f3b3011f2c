// Memory of the host.
#pragma once

#include <cstdint>

namespace seedstory::cpu {

// Bytes that a process can still take before the machine swaps or its control group kills it: the smaller of
// /proc/meminfo's MemAvailable and what its groups leave. The largest int64_t where neither says.
int64_t free_memory();

// Bytes of a block that lies on large pages if the system has some: a model's weights are millions of small ones.
constexpr int64_t kLargeBlock = 256 << 20;

// At a multiple of kAlign (seedstory/weight.h), contents undefined; null where there is none.
void* allocate(int64_t bytes);
void release(void* memory);

// The most that was allocated and not released at once since the last call, by all of the process.
int64_t take_peak_bytes();

}  // namespace seedstory::cpu
