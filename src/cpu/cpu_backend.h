#pragma once

#include <memory>

#include "seedstory/backend.h"

namespace seedstory {

// f32 on the host: oneDNN for linear layers and convolutions, the rest by hand, one OpenMP pool. threads 0: all cores.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0);

}  // namespace seedstory
