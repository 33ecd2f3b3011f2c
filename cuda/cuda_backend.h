// The backend of NVIDIA's cards.
#pragma once

#include <memory>

#include "seedstory/backend.h"

namespace seedstory {

// Throws ErrorKind::resource where this build has no CUDA backend or the machine has no such GPU.
std::unique_ptr<Backend> make_cuda_backend(int device = 0);

}  // namespace seedstory
