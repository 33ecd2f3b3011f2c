// The CUDA backend of a build without one.
#include "../cuda/cuda_backend.h"

namespace seedstory {

std::unique_ptr<Backend> make_cuda_backend(int) {
  fail_resource("--device cuda: no model runs on a card yet, and this build has no CUDA backend; use --device cpu");
}

}  // namespace seedstory
