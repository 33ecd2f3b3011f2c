// The CUDA backend of a build without one.
#include "../cuda/cuda_backend.h"

namespace seedstory {
namespace {

const char* const kNone = "this build has no CUDA backend";

}  // namespace

std::vector<std::string> cuda_devices() {
  fail_resource(kNone);
}

std::unique_ptr<Backend> make_cuda_backend(int, bool, Kernels, Products) {
  fail_resource(std::string("--device cuda: ") + kNone + "; use --device cpu, or build with -DSEEDSTORY_CUDA=ON");
}

}  // namespace seedstory
