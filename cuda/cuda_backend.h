// The backend of NVIDIA's cards.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "seedstory/backend.h"
#include "seedstory/cpu_set.h"
#include "seedstory/kernels.h"

namespace seedstory {

// A line for each card that the driver shows, by number: its name, what it is and what of its memory is free. Throws
// ErrorKind::resource where there is none, and says what is missing.
std::vector<std::string> cuda_devices();

// Of the LLM's prompt: tiles of 128 rows for every multiprocessor.
inline constexpr int64_t kCudaRowsAtOnce = 1024;

// Throws ErrorKind::resource where this build has no CUDA backend or the machine has no such GPU. With `sync` it waits
// after each op, so that an error names the op that failed and not a later one. Of Kernels::library: throws
// ErrorKind::resource where one of the libraries is not there, and names its file.
//
// With Products::int8 Linear and GatedLinear round rows to int8 where their weight is packed from q8.
std::unique_ptr<Backend> make_cuda_backend(int device = 0, bool sync = false, Kernels kernels = Kernels::automatic,
                                           Products products = Products::f32);

}  // namespace seedstory
