// Conv2d (ops.h) by NVIDIA's cuDNN 9, through its graph interface, to compare ours with (--kernels library).
//
// Work    The library names axes (n, c, h, w) and takes NHWC as strides; our packed weight, k = (tap, channel), is its
//         filter with strides as well. One graph has the convolution and the sums with bias and residual behind it, in
//         f32 until y. Where the library has no engine for that, or y is the residual, it makes the convolution alone,
//         which finish_product.cu ends.
// Limits  What the library's heuristic has an engine for. No doubled x, and in 16 bits no k that is not a multiple of 8
//         (conv_in): there ours runs.
// Error   Against f64: as conv2d.cu; where the convolution is not the end it is rounded to y's type as well. Engines
//         that round operands or sums further, transform (Winograd, FFT) or are not deterministic are passed over.
#include <deque>
#include <utility>

#include "../kernels/conv2d_weights.h"
#include "../kernels/finish_product.h"
#include "../launch_op.h"
#include "cudnn.h"

namespace seedstory {
namespace {

using namespace cudnn;

constexpr int64_t kWorkspaceBytes = int64_t(64) << 20;  // an engine that takes more is passed over

// Names of tensors in a graph.
enum Id : int64_t { kX = 1, kW, kY, kBias, kResidual, kSum, kBiasedSum };

DataType data_type(DType type) {
  return type == DType::f32 ? kFloat : type == DType::f16 ? kHalf : kBFloat16;
}

int64_t alignment(const Tensor& t) {
  return alignment_of(t, 16);
}

void need(Status status, const char* doing) {
  if (status != kSuccess) fail(std::string("cuDNN: ") + doing + ": status " + std::to_string(status));
}

// One of the library's, gone with this.
class Described {
 public:
  Described(const Functions& call, DescriptorType type) : call_(&call) {
    need(call.BackendCreateDescriptor(type, &made_), "make a descriptor");
  }
  ~Described() {
    if (made_) call_->BackendDestroyDescriptor(made_);
  }
  Described(Described&& other) noexcept : call_(other.call_), made_(std::exchange(other.made_, nullptr)) {}
  Described& operator=(Described&&) = delete;

  Descriptor get() const { return made_; }

  template <class T>
  Described& set(AttributeName name, AttributeType type, std::initializer_list<T> values) {
    need(call_->BackendSetAttribute(made_, name, type, int64_t(values.size()), values.begin()), "set an attribute");
    return *this;
  }
  Described& set(AttributeName name, const Described& other) {
    return set(name, kTypeBackendDescriptor, {other.get()});
  }
  Status try_to_finalize() { return call_->BackendFinalize(made_); }
  Described& finalize(const char* what) {
    need(try_to_finalize(), what);
    return *this;
  }

 private:
  const Functions* call_;
  Descriptor made_ = nullptr;
};

struct Axes {
  int64_t dims[4], strides[4];  // n, c, h, w
};

Axes axes_of(const Tensor& nhwc) {
  const int64_t *d = nhwc.dim, *s = nhwc.stride;
  return {{d[0], d[3], d[1], d[2]}, {s[0], s[3], s[1], s[2]}};
}

Described describe_tensor(const Functions& call, Id id, DType type, const Axes& a, int64_t alignment, bool is_virtual) {
  Described t(call, kTensor);
  t.set(kTensorDataType, kTypeDataType, {data_type(type)})
      .set(kTensorDimensions, kTypeInt64, {a.dims[0], a.dims[1], a.dims[2], a.dims[3]})
      .set(kTensorStrides, kTypeInt64, {a.strides[0], a.strides[1], a.strides[2], a.strides[3]})
      .set(kTensorUniqueId, kTypeInt64, {int64_t(id)})
      .set(kTensorByteAlignment, kTypeInt64, {alignment})
      .set(kTensorIsVirtual, kTypeBoolean, {is_virtual})
      .finalize("describe a tensor");
  return t;
}

// Of a rounding that the op does not have, or of another result each time.
bool is_refused(NumericalNote note, DType type) {
  switch (note) {
    case kNoteReducedPrecisionReduction:
    case kNoteFft:
    case kNoteNondeterministic:
    case kNoteWinograd:
    case kNoteWinogradTile4x4:
    case kNoteWinogradTile6x6:
    case kNoteWinogradTile13x13:
      return true;
    case kNoteTensorCore:  // TF32
    case kNoteDownConvertInputs:
      return type == DType::f32;
  }
  return false;
}

}  // namespace

// A graph of operations and the engine that runs it.
struct Cudnn::Plan {
  explicit Plan(const Functions& call) : call(call) {}

  const Functions& call;
  std::deque<Described> parts;  // what the plan was made of
  std::unique_ptr<Described> plan;

  Described& keep(Described part) { return parts.emplace_back(std::move(part)); }
  Described& describe_graph(const Convolution& c, Handle handle);
  bool choose_engine(const Described& graph, HeurMode mode, DType type, Handle handle);
  bool take_engine(const Described& config, DType type, Handle handle);

 private:
  Described& tensor(Id id, const Tensor& t) {
    return keep(describe_tensor(call, id, t.dtype, axes_of(t), alignment(t), false));
  }
  Described& operation(const Described& conv, const Described& x, const Described& w, const Described& y);
  Described& sum(const Described& a, const Described& b, const Described& y);
};

Described& Cudnn::Plan::operation(const Described& conv, const Described& x, const Described& w, const Described& y) {
  return keep(Described(call, kOperationConvolutionForward))
      .set(kConvolutionForwardConvDesc, conv)
      .set(kConvolutionForwardX, x)
      .set(kConvolutionForwardW, w)
      .set(kConvolutionForwardY, y)
      .set(kConvolutionForwardAlpha, kTypeFloat, {1.0f})
      .set(kConvolutionForwardBeta, kTypeFloat, {0.0f})
      .finalize("describe the convolution of its tensors");
}

Described& Cudnn::Plan::sum(const Described& a, const Described& b, const Described& y) {
  Described& add = keep(Described(call, kPointwise))
                       .set(kPointwiseMode, kTypePointwiseMode, {kAdd})
                       .set(kPointwiseMathPrec, kTypeDataType, {kFloat})
                       .finalize("describe a sum");
  return keep(Described(call, kOperationPointwise))
      .set(kOperationPointwiseDescriptor, add)
      .set(kOperationPointwiseX, a)
      .set(kOperationPointwiseB, b)
      .set(kOperationPointwiseY, y)
      .finalize("describe the sum of its tensors");
}

Described& Cudnn::Plan::describe_graph(const Convolution& c, Handle handle) {
  const int64_t channels = c.x.dim[3], out = c.y.dim[3];
  const Axes of_w{{out, channels, c.kh, c.kw}, {c.w.stride[1], 1, c.kw * channels, channels}};
  const Tensor line(nullptr, DType::f32, {c.y.dim[0], c.y.dim[1], c.y.dim[2], out});
  const auto between = [&](Id id) -> Described& {
    return keep(describe_tensor(call, id, DType::f32, axes_of(line), 16, true));
  };
  Described& conv = keep(Described(call, kConvolution))
                        .set(kConvolutionSpatialDims, kTypeInt64, {int64_t(2)})
                        .set(kConvolutionCompType, kTypeDataType, {kFloat})
                        .set(kConvolutionConvMode, kTypeConvolutionMode, {kCrossCorrelation})
                        .set(kConvolutionDilations, kTypeInt64, {int64_t(1), int64_t(1)})
                        .set(kConvolutionFilterStrides, kTypeInt64, {c.stride, c.stride})
                        .set(kConvolutionPrePaddings, kTypeInt64, {c.pad_begin, c.pad_begin})
                        .set(kConvolutionPostPaddings, kTypeInt64, {c.pad_end, c.pad_end})
                        .finalize("describe a convolution");
  Described& x = tensor(kX, c.x);
  Described& w = keep(describe_tensor(call, kW, c.w.dtype, of_w, alignment(c.w), false));
  Described& y = tensor(kY, c.y);
  Described* at = c.bias || c.residual ? &between(kSum) : &y;
  std::vector<Descriptor> operations = {operation(conv, x, w, *at).get()};
  if (c.bias) {
    const Axes of_bias{{1, out, 1, 1}, {out, 1, out, out}};
    Described& bias = keep(describe_tensor(call, kBias, DType::f32, of_bias, alignment(c.bias), false));
    Described& to = c.residual ? between(kBiasedSum) : y;
    operations.push_back(sum(*at, bias, to).get());
    at = &to;
  }
  if (c.residual) operations.push_back(sum(*at, tensor(kResidual, c.residual), y).get());
  Described& graph = keep(Described(call, kOperationGraph)).set(kOperationGraphHandle, kTypeHandle, {handle});
  need(call.BackendSetAttribute(graph.get(), kOperationGraphOps, kTypeBackendDescriptor, int64_t(operations.size()),
                                operations.data()),
       "set an attribute");
  return graph;
}

// The first of the library's proposals that is neither refused nor impossible.
bool Cudnn::Plan::choose_engine(const Described& graph, HeurMode mode, DType type, Handle handle) {
  Described heuristic(call, kEngineHeur);
  heuristic.set(kEngineHeurOperationGraph, graph).set(kEngineHeurMode, kTypeHeurMode, {mode});
  if (heuristic.try_to_finalize() != kSuccess) return false;
  int64_t count = 0;
  if (call.BackendGetAttribute(heuristic.get(), kEngineHeurResults, kTypeBackendDescriptor, 0, &count, nullptr) !=
      kSuccess)
    return false;
  std::deque<Described> configs;
  std::vector<Descriptor> results;
  for (int64_t i = 0; i < count; ++i) results.push_back(configs.emplace_back(call, kEngineCfg).get());
  need(call.BackendGetAttribute(heuristic.get(), kEngineHeurResults, kTypeBackendDescriptor, count, &count,
                                results.data()),
       "propose engines");
  for (int64_t i = 0; i < count; ++i)
    if (take_engine(configs[size_t(i)], type, handle)) {
      keep(std::move(configs[size_t(i)]));
      return true;
    }
  return false;
}

bool Cudnn::Plan::take_engine(const Described& config, DType type, Handle handle) {
  Described engine(call, kEngine);
  Descriptor engine_made = engine.get();
  int64_t count = 0;
  need(call.BackendGetAttribute(config.get(), kEngineCfgEngine, kTypeBackendDescriptor, 1, &count, &engine_made),
       "name an engine");
  NumericalNote notes[64];
  need(call.BackendGetAttribute(engine_made, kEngineNumericalNote, kTypeNumericalNote, 64, &count, notes),
       "say how an engine rounds");
  if (std::any_of(notes, notes + count, [&](NumericalNote note) { return is_refused(note, type); })) return false;
  auto made = std::make_unique<Described>(call, kExecutionPlan);
  made->set(kExecutionPlanHandle, kTypeHandle, {handle}).set(kExecutionPlanEngineConfig, config);
  if (made->try_to_finalize() != kSuccess) return false;
  int64_t workspace_bytes = 0;
  need(call.BackendGetAttribute(made->get(), kExecutionPlanWorkspaceSize, kTypeInt64, 1, &count, &workspace_bytes),
       "say what memory an engine takes");
  if (workspace_bytes > kWorkspaceBytes) return false;
  plan = std::move(made);
  return true;
}

Cudnn::Cudnn(Stream stream) : library_({"libcudnn.so.9"}) {
  library_.find_all("cudnn", call_);
  library_.need_start(call_.Create(&handle_));
  need(call_.SetStream(handle_, stream), "set the stream");
}

Cudnn::~Cudnn() {
  plans_.clear();
  call_.Destroy(handle_);
}

std::string Cudnn::name() const {
  return "cuDNN " + version_text(call_.GetVersion());
}

namespace {

// The library takes no filter whose rows have gaps.
bool is_asked(const Conv2d& op) {
  const Tensor rows = conv_rows_shape(op.w, op.weight_use(), op.x.dtype);
  return op.y.numel() > 0 && op.x.dim[3] > 0 && !op.upsample2x && rows.dim[2] == rows.stride[1];
}

// Of the scratch memory: what conv_rows_of() makes, the library's workspace, a convolution that is not the end.
int64_t workspace_at(const Conv2d& op) {
  return aligned(scratch_bytes(op));
}

}  // namespace

int64_t Cudnn::scratch_bytes(const Conv2d& op) {
  return workspace_at(op) + kWorkspaceBytes + op.y.numel() * size_of(op.y.dtype);
}

Cudnn::Choice Cudnn::choose(const Conv2d& op, char* scratch) {
  Tensor rows = conv_rows_shape(op.w, op.weight_use(), op.x.dtype);
  rows.data = scratch;  // wherever they will lie: they are aligned as this is
  Choice choice{.convolution = {.y = op.y,
                                .x = op.x,
                                .w = rows,
                                .bias = op.bias,
                                .residual = op.residual,
                                .kh = op.w.values.dim[2],
                                .kw = op.w.values.dim[3],
                                .stride = op.stride,
                                .pad_begin = op.pad_begin,
                                .pad_end = op.pad_end},
                .is_whole = true};
  const bool is_in_place = op.residual && op.residual.data == op.y.data;
  if (!is_in_place) choice.plan = plan_of(choice.convolution);
  if (choice.plan || (!op.bias && !op.residual)) return choice;
  choice.is_whole = false;
  Convolution& alone = choice.convolution;
  alone.bias = alone.residual = {};
  alone.y = Tensor(scratch + workspace_at(op) + kWorkspaceBytes, op.y.dtype, op.y.dim, 4);
  choice.plan = plan_of(alone);
  return choice;
}

const Cudnn::Plan* Cudnn::plan_of(const Convolution& c) {
  std::vector<int64_t> key = {int64_t(c.x.dtype), c.kh, c.kw, c.stride, c.pad_begin, c.pad_end};
  for (const Tensor& t : {c.y, c.x, c.w, c.bias, c.residual}) {
    key.push_back(t ? alignment(t) : 0);
    key.insert(key.end(), t.dim, t.dim + 4);
    key.insert(key.end(), t.stride, t.stride + 4);
  }
  const auto [at, is_new] = plans_.try_emplace(key);
  if (is_new) at->second = make_plan(c);
  return at->second.get();
}

std::unique_ptr<Cudnn::Plan> Cudnn::make_plan(const Convolution& c) const {
  auto plan = std::make_unique<Plan>(call_);
  Described& graph = plan->describe_graph(c, handle_);
  if (graph.try_to_finalize() != kSuccess) return nullptr;
  for (const HeurMode mode : {kHeurModeA, kHeurModeFallback})
    if (plan->choose_engine(graph, mode, c.x.dtype, handle_)) return plan;
  return nullptr;
}

std::string Cudnn::kernels_of(const Conv2d& op) {
  if (!is_asked(op)) return "";
  const Choice choice = choose(op, reinterpret_cast<char*>(uintptr_t(kAlign)));  // no memory yet; as it will be aligned
  return !choice.plan ? "" : choice.is_whole ? "cuDNN" : "cuDNN + ours";
}

bool Cudnn::launch_op(const Conv2d& op, const Queue& queue) {
  if (!is_asked(op)) return false;
  auto* const scratch = static_cast<char*>(queue.scratch);
  Choice choice = choose(op, scratch);
  if (!choice.plan) return false;
  choice.convolution.w = conv_rows_of(op, queue);
  execute(choice, scratch + workspace_at(op));
  if (!choice.is_whole)
    finish_product({.y = op.y, .product = choice.convolution.y, .bias = op.bias, .residual = op.residual}, queue);
  return true;
}

void Cudnn::execute(const Choice& choice, void* workspace) const {
  const Convolution& c = choice.convolution;
  std::vector<int64_t> ids;
  std::vector<void*> pointers;
  for (const auto& [id, t] :
       {std::pair<Id, const Tensor&>{kX, c.x}, {kW, c.w}, {kY, c.y}, {kBias, c.bias}, {kResidual, c.residual}})
    if (t) ids.push_back(id), pointers.push_back(t.data);
  Described pack(call_, kVariantPack);
  need(call_.BackendSetAttribute(pack.get(), kVariantPackUniqueIds, kTypeInt64, int64_t(ids.size()), ids.data()),
       "set an attribute");
  need(call_.BackendSetAttribute(pack.get(), kVariantPackDataPointers, kTypeVoidPtr, int64_t(pointers.size()),
                                 pointers.data()),
       "set an attribute");
  pack.set(kVariantPackWorkspace, kTypeVoidPtr, {workspace}).finalize("name the tensors' memory");
  need(call_.BackendExecute(handle_, choice.plan->plan->get(), pack.get()), "convolve");
}

}  // namespace seedstory
