// The backend that every machine has.
#pragma once

#include <memory>

#include "seedstory/backend.h"
#include "seedstory/cpu_set.h"

namespace seedstory {

// f32 on the host, weights of products in any format; a pool of threads of its own. threads 0: cpu_cores().
//
// ErrorKind::resource for a set that the processor does not have. A weight is packed for the set of its backend;
// another backend of that set may read it.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0, CpuSet set = CpuSet::automatic,
                                          Products products = Products::int8);

namespace cpu {

struct Kernels;  // cpu/simd/kernels.h

// The same with a set of the caller's, which must outlive it.
std::unique_ptr<Backend> make_backend(int threads, const Kernels& set, Products products = Products::int8);

}  // namespace cpu

// Cores that this process may use: its affinity mask, and not more than its control group's quota of CPU time.
int cpu_cores();

// What the set stands for: automatic for another. ErrorKind::resource as above.
CpuSet cpu_set(CpuSet set);

// What --type auto takes: bf16 where the instructions multiply in it.
WeightFormat cpu_product_type(CpuSet set);

}  // namespace seedstory
