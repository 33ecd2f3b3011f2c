// Linear and GatedLinear (ops.h) by NVIDIA's cuBLASLt, to compare ours with (--kernels library).
//
// Work    The library counts in columns: a row-major y is its column-major yT <- w xT, with w transposed. So m is n of
//         the op, n its rows, and the leading dimensions are the strides from row to row. Bias and residual end the
//         product where there is no activation. The library's GELU is another one (by tanh), it has no SiLU and no
//         gate: then it makes the product alone, which finish_product.cu ends.
// Limits  What the library's heuristic has a kernel for. Weights of x's type, not in blocks; k of at least 1.
// Error   Against f64: as linear.cu, and one more rounding to y's type: of the bias (which is f32 here), or of the
//         product where it is not the end. A row's bits may depend on how many rows there are.
#include "../kernels/finish_product.h"
#include "../launch_op.h"
#include "cublaslt.h"

namespace seedstory {
namespace {

using namespace cublaslt;

// Enough for what the library takes on any card (its documentation recommends it for Hopper).
constexpr int64_t kWorkspaceBytes = int64_t(32) << 20;

DataType data_type(DType type) {
  return type == DType::f32 ? kR32F : type == DType::f16 ? kR16F : kR16BF;
}

int64_t alignment(const Tensor& t) {
  return alignment_of(t, 256);
}

void need(Status status, const char* doing) {
  if (status != kSuccess) fail(std::string("cuBLASLt: ") + doing + ": status " + std::to_string(status));
}

// Where there is no scratch memory yet: as it will be aligned.
char* no_scratch() {
  return reinterpret_cast<char*>(uintptr_t(kAlign));
}

// Whether it has a form that the library is asked for at all.
template <class Op>
bool is_plain(const Op& op) {
  return op.y.numel() > 0 && op.x.cols() > 0 && op.w.values.dtype == op.x.dtype;
}

}  // namespace

// Belongs to the library; gone with this.
struct CublasLt::Plan {
  explicit Plan(const Functions& call) : call(call) {}
  ~Plan() {
    for (Layout layout : {w, x, y, residual})
      if (layout) call.MatrixLayoutDestroy(layout);
    if (desc) call.MatmulDescDestroy(desc);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const Functions& call;
  Desc desc = nullptr;
  Layout w = nullptr, x = nullptr, y = nullptr, residual = nullptr;
  Algo algo = {};
  size_t workspace_bytes = 0;
};

CublasLt::CublasLt() : library_({"libcublasLt.so.13", "libcublasLt.so.12"}) {
  library_.find_all("cublasLt", call_);
  library_.need_start(call_.Create(&handle_));
}

CublasLt::~CublasLt() {
  plans_.clear();
  call_.Destroy(handle_);
}

std::string CublasLt::name() const {
  return "cuBLASLt " + version_text(call_.GetVersion());  // before 12 another form, which is not looked for
}

// Behind the workspace.
CublasLt::Product CublasLt::product_of(const Linear& op, char* scratch) {
  void* const behind = scratch + kWorkspaceBytes;
  const int64_t rows = op.y.dim[0], n = op.y.dim[1];
  if (op.act != Activation::none)
    return {.y = Tensor(behind, op.y.dtype, {rows, n}), .x = op.x, .w = op.w.values, .bias = {}, .residual = {}};
  Tensor bias = op.bias;
  if (bias && op.y.dtype != DType::f32) bias = Tensor(behind, op.y.dtype, {n});
  return {.y = op.y, .x = op.x, .w = op.w.values, .bias = bias, .residual = op.residual};
}

CublasLt::Product CublasLt::product_of(const GatedLinear& op, char* scratch) {
  const Tensor both(scratch + kWorkspaceBytes, op.y.dtype, {op.y.dim[0], op.w.values.dim[0]});
  return {.y = both, .x = op.x, .w = op.w.values, .bias = {}, .residual = {}};
}

int64_t CublasLt::scratch_bytes(const Linear& op) {
  const int64_t size = size_of(op.y.dtype);
  if (op.act != Activation::none) return kWorkspaceBytes + op.y.numel() * size;
  return kWorkspaceBytes + (op.bias ? op.y.cols() * size : 0);
}

int64_t CublasLt::scratch_bytes(const GatedLinear& op) {
  return kWorkspaceBytes + 2 * op.y.numel() * size_of(op.y.dtype);
}

const CublasLt::Plan* CublasLt::plan_of(const Product& p) {
  std::vector<int64_t> key = {p.y.dim[0],         p.y.dim[1],         p.x.dim[1],
                              int64_t(p.x.dtype), int64_t(p.y.dtype), p.bias ? alignment(p.bias) : 0};
  for (const Tensor& t : {p.y, p.x, p.w, p.residual})
    for (const int64_t part : {t ? t.row_stride() : 0, t ? alignment(t) : 0}) key.push_back(part);
  const auto [at, is_new] = plans_.try_emplace(key);
  if (is_new) at->second = make_plan(p);
  return at->second.get();
}

std::unique_ptr<CublasLt::Plan> CublasLt::make_plan(const Product& p) const {
  auto plan = std::make_unique<Plan>(call_);
  need(call_.MatmulDescCreate(&plan->desc, kCompute32F, kR32F), "describe a product");
  const auto set = [&](DescAttribute attribute, const auto& value) {
    need(call_.MatmulDescSetAttribute(plan->desc, attribute, &value, sizeof value), "describe a product");
  };
  set(kDescTransA, int32_t(kOpT));
  set(kDescTransB, int32_t(kOpN));
  set(kDescEpilogue, uint32_t(p.bias ? kEpilogueBias : kEpilogueDefault));
  if (p.bias) set(kDescBiasPointer, p.bias.data);
  const auto layout_of = [&](Layout& layout, const Tensor& t) {
    const int64_t ld = t.row_stride();
    if (ld < t.cols()) return false;  // rows that overlap
    need(call_.MatrixLayoutCreate(&layout, data_type(t.dtype), uint64_t(t.cols()), uint64_t(t.dim[0]), ld),
         "describe a matrix");
    return true;
  };
  if (!layout_of(plan->w, p.w) || !layout_of(plan->x, p.x) || !layout_of(plan->y, p.y) ||
      !layout_of(plan->residual, p.residual ? p.residual : p.y))
    return nullptr;
  return choose_algorithm(p, *plan) ? std::move(plan) : nullptr;
}

bool CublasLt::choose_algorithm(const Product& p, Plan& plan) const {
  Preference preference = nullptr;
  need(call_.MatmulPreferenceCreate(&preference), "say what is preferred");
  const auto prefer = [&](PreferenceAttribute attribute, auto value) {
    need(call_.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value), "say what is preferred");
  };
  prefer(kPrefMaxWorkspaceBytes, uint64_t(kWorkspaceBytes));
  prefer(kPrefReductionSchemeMask, uint32_t(kReduceInComputeType));
  prefer(kPrefMinAlignmentA, uint32_t(alignment(p.w)));
  prefer(kPrefMinAlignmentB, uint32_t(alignment(p.x)));
  prefer(kPrefMinAlignmentC, uint32_t(alignment(p.residual ? p.residual : p.y)));
  prefer(kPrefMinAlignmentD, uint32_t(alignment(p.y)));
  HeuristicResult best = {};
  int found = 0;
  const Status status = call_.MatmulAlgoGetHeuristic(handle_, plan.desc, plan.w, plan.x, plan.residual, plan.y,
                                                     preference, 1, &best, &found);
  call_.MatmulPreferenceDestroy(preference);
  if (status == kNotSupported || (status == kSuccess && (found == 0 || best.state != kSuccess))) return false;
  need(status, "choose a kernel");
  plan.algo = best.algo;
  plan.workspace_bytes = best.workspace_bytes;
  return true;
}

void CublasLt::multiply(const Product& p, const Plan& plan, const Queue& queue) const {
  const float one = 1, of_residual = p.residual ? 1 : 0;
  if (p.bias)
    need(call_.MatmulDescSetAttribute(plan.desc, kDescBiasPointer, &p.bias.data, sizeof p.bias.data), "set the bias");
  need(call_.Matmul(handle_, plan.desc, &one, p.w.data, plan.w, p.x.data, plan.x, &of_residual,
                    p.residual ? p.residual.data : p.y.data, plan.residual, p.y.data, plan.y, &plan.algo, queue.scratch,
                    plan.workspace_bytes, queue.stream),
       "multiply");
}

std::string CublasLt::kernels_of(const Linear& op) {
  if (!is_plain(op) || !plan_of(product_of(op, no_scratch()))) return "";
  return op.act == Activation::none ? "cuBLASLt" : "cuBLASLt + ours";
}

std::string CublasLt::kernels_of(const GatedLinear& op) {
  return is_plain(op) && plan_of(product_of(op, no_scratch())) ? "cuBLASLt + ours" : "";
}

bool CublasLt::launch_op(const Linear& op, const Queue& queue) {
  if (!is_plain(op)) return false;
  const Product product = product_of(op, static_cast<char*>(queue.scratch));
  const Plan* const plan = plan_of(product);
  if (!plan) return false;
  if (product.bias.data != op.bias.data) seedstory::launch_op(Convert{.y = product.bias, .x = op.bias}, queue);
  multiply(product, *plan, queue);
  if (op.act != Activation::none)
    finish_product({.y = op.y, .product = product.y, .bias = op.bias, .residual = op.residual, .act = op.act}, queue);
  return true;
}

bool CublasLt::launch_op(const GatedLinear& op, const Queue& queue) {
  if (!is_plain(op)) return false;
  const Product product = product_of(op, static_cast<char*>(queue.scratch));
  const Plan* const plan = plan_of(product);
  if (!plan) return false;
  multiply(product, *plan, queue);
  finish_product({.y = op.y, .product = product.y, .bias = op.bias, .act = op.act, .has_gate = true}, queue);
  return true;
}

}  // namespace seedstory
