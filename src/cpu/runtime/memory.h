// Memory of the host.
#pragma once

#include <cstdint>

namespace seedstory::cpu {

// Bytes that a process can still take before the machine swaps or its control group kills it: the smaller of
// /proc/meminfo's MemAvailable and what its groups leave. The largest int64_t where neither says.
int64_t free_memory();

// 64-byte aligned, contents undefined, for std::free(); null where there is none. Large ones lie on large pages if the
// system has some: a model's weights are millions of small ones.
void* allocate(int64_t bytes);

}  // namespace seedstory::cpu
