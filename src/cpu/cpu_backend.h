// The backend that every machine has.
#pragma once

#include <memory>
#include <string>

#include "seedstory/backend.h"

namespace seedstory {
// f32 on the host, weights of products in any format; a pool of threads of its own. threads 0: cpu_cores().
//
// `instructions` is amx, avx512_bf16, avx512, avx2, portable, or auto for the best that the processor has.
// ErrorKind::usage for another name, ErrorKind::resource for one that the processor does not have. A weight is packed
// for the set of its backend; another backend of that set may read it.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0, const std::string& instructions = "auto");

namespace cpu {

struct Kernels;  // cpu/simd/kernels.h

// The same with a set of the caller's, which must outlive it.
std::unique_ptr<Backend> make_backend(int threads, const Kernels& set);

}  // namespace cpu

// Cores that this process may use: its affinity mask, and not more than its control group's quota of CPU time.
int cpu_cores();

// The set that this name stands for: auto has another.
std::string cpu_set(const std::string& instructions);

// What --type auto takes: bf16 where the instructions multiply in it.
WeightFormat cpu_product_type(const std::string& instructions);

}  // namespace seedstory
