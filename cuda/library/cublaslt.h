// Linear and GatedLinear by cuBLASLt (cublaslt.cu).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../queue.h"
#include "cublaslt_api.h"
#include "seedstory/ops.h"
#include "shared_library.h"

namespace seedstory {

class CublasLt {
 public:
  CublasLt();  // for the device that is set. ErrorKind::resource: there is no library, or it does not start
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  std::string name() const;  // "cuBLASLt 13.0.2"

  // Whose kernels run the op, "cuBLASLt" or "cuBLASLt + ours"; empty: it has none for the op's shapes and addresses.
  std::string kernels_of(const Linear& op);
  std::string kernels_of(const GatedLinear& op);

  // False where it has none: nothing was done.
  bool launch_op(const Linear& op, const Queue& queue);
  bool launch_op(const GatedLinear& op, const Queue& queue);

  // As scratch_bytes of launch_op.h.
  static int64_t scratch_bytes(const Linear& op);
  static int64_t scratch_bytes(const GatedLinear& op);

 private:
  // y <- x wT + bias + residual, all by the library: bias is of y's type.
  struct Product {
    Tensor y, x, w, bias, residual;
  };
  struct Plan;

  static Product product_of(const Linear& op, char* scratch);
  static Product product_of(const GatedLinear& op, char* scratch);
  const Plan* plan_of(const Product& product);  // null: it has none
  std::unique_ptr<Plan> make_plan(const Product& product) const;
  bool choose_algorithm(const Product& product, Plan& plan) const;
  void multiply(const Product& product, const Plan& plan, const Queue& queue) const;

  SharedLibrary library_;
  cublaslt::Functions call_;
  cublaslt::Handle handle_ = nullptr;
  // By shapes, types, strides and alignments: the same choice for the same op, made before anything is recorded.
  std::map<std::vector<int64_t>, std::unique_ptr<Plan>> plans_;
};

}  // namespace seedstory
