#pragma once

#include <memory>
#include <string>

#include "seedstory/backend.h"

namespace seedstory {

// f32 on the host, weights of products in f32 or bf16; one OpenMP pool. threads 0: all cores.
//
// `instructions` is amx, avx512_bf16, avx512, avx2, portable, or auto for the best that the processor has; for all of
// the process, before any other backend of its kind. ErrorKind::usage for another name, ErrorKind::resource for one
// that the processor does not have.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0, const std::string& instructions = "auto");

// The set that this name stands for: auto has another.
std::string cpu_set(const std::string& instructions);

// What --type auto takes: bf16 where the instructions multiply in it.
DType cpu_product_type(const std::string& instructions);

}  // namespace seedstory
