// The CUDA backend of a build without one.
#include "../cuda/cuda_backend.h"

namespace seedstory {

std::unique_ptr<Backend> make_cuda_backend(int) {
  fail_resource(
      "--device cuda: this build has no CUDA backend; configure with -DSEEDSTORY_CUDA=ON, or use --device cpu");
}

}  // namespace seedstory
