#pragma once

#include <memory>

#include "seedstory/backend.h"

namespace seedstory {

// f32 on the host, weights of products in f32 or bf16; one OpenMP pool. threads 0: all cores.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0);

}  // namespace seedstory
