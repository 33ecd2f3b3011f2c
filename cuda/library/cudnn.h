// Conv2d by cuDNN (cudnn.cu).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../queue.h"
#include "cudnn_api.h"
#include "seedstory/ops.h"
#include "shared_library.h"

namespace seedstory {

class Cudnn {
 public:
  // Its work goes to this stream of the device that is set. ErrorKind::resource: there is no library, or it does not
  // start.
  explicit Cudnn(Stream stream);
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  std::string name() const;  // "cuDNN 9.19.0"

  // Whose kernels run the op, "cuDNN" or "cuDNN + ours"; empty: it has none for the op's shapes and addresses.
  std::string kernels_of(const Conv2d& op);

  // False where it has none: nothing was done.
  bool launch_op(const Conv2d& op, const Queue& queue);

  // As scratch_bytes of launch_op.h.
  static int64_t scratch_bytes(const Conv2d& op);

 private:
  // y <- x * w + bias + residual, all by the library; w is (1, out_c, k) as conv2d_weights.cu makes it.
  struct Convolution {
    Tensor y, x, w, bias, residual;
    int64_t kh, kw, stride, pad_begin, pad_end;
  };
  struct Plan;
  struct Choice {
    Convolution convolution;
    const Plan* plan = nullptr;  // null: it has none
    bool is_whole = false;       // else bias and residual are left to finish_product()
  };

  Choice choose(const Conv2d& op, char* scratch);
  const Plan* plan_of(const Convolution& convolution);
  std::unique_ptr<Plan> make_plan(const Convolution& convolution) const;
  void execute(const Choice& choice, void* workspace) const;

  SharedLibrary library_;
  cudnn::Functions call_;
  cudnn::Handle handle_ = nullptr;
  // As CublasLt's.
  std::map<std::vector<int64_t>, std::unique_ptr<Plan>> plans_;
};

}  // namespace seedstory
