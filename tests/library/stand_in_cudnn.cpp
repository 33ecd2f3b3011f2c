// A stand-in for cuDNN 9's graph interface (stand_in.h), at the names that NVIDIA's library exports: convolutions and
// sums in any chain.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "../../cuda/library/cudnn_api.h"
#include "stand_in.h"

namespace seedstory {

using namespace cudnn;
using stand_in::need;

namespace cudnn {
struct HandleOf {
  void* stream = nullptr;
};
}  // namespace cudnn

namespace {

constexpr int64_t kWorkspaceBytes = 5 << 20;  // what its engine takes

const Functions& real() {
  static const Functions functions = [] {
    Functions f = {};
    if (void* library = stand_in::real_library("REAL_CUDNN"))
      each(f, [&](const char* name, auto*& function) {
        function =
            reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, (std::string("cudnn") + name).c_str()));
        need(function, std::string("the real library has no cudnn") + name);
      });
    return f;
  }();
  return functions;
}

// What NVIDIA documents of the attributes: whose they are, their type, how many values they have (0: any number).
struct Rule {
  DescriptorType of;
  AttributeName name;
  AttributeType type;
  int64_t count;
};
constexpr Rule kRules[] = {
    {kTensor, kTensorByteAlignment, kTypeInt64, 1},
    {kTensor, kTensorDataType, kTypeDataType, 1},
    {kTensor, kTensorDimensions, kTypeInt64, 4},
    {kTensor, kTensorStrides, kTypeInt64, 4},
    {kTensor, kTensorUniqueId, kTypeInt64, 1},
    {kTensor, kTensorIsVirtual, kTypeBoolean, 1},
    {kConvolution, kConvolutionCompType, kTypeDataType, 1},
    {kConvolution, kConvolutionConvMode, kTypeConvolutionMode, 1},
    {kConvolution, kConvolutionDilations, kTypeInt64, 2},
    {kConvolution, kConvolutionFilterStrides, kTypeInt64, 2},
    {kConvolution, kConvolutionPostPaddings, kTypeInt64, 2},
    {kConvolution, kConvolutionPrePaddings, kTypeInt64, 2},
    {kConvolution, kConvolutionSpatialDims, kTypeInt64, 1},
    {kPointwise, kPointwiseMode, kTypePointwiseMode, 1},
    {kPointwise, kPointwiseMathPrec, kTypeDataType, 1},
    {kOperationConvolutionForward, kConvolutionForwardAlpha, kTypeFloat, 1},
    {kOperationConvolutionForward, kConvolutionForwardBeta, kTypeFloat, 1},
    {kOperationConvolutionForward, kConvolutionForwardConvDesc, kTypeBackendDescriptor, 1},
    {kOperationConvolutionForward, kConvolutionForwardW, kTypeBackendDescriptor, 1},
    {kOperationConvolutionForward, kConvolutionForwardX, kTypeBackendDescriptor, 1},
    {kOperationConvolutionForward, kConvolutionForwardY, kTypeBackendDescriptor, 1},
    {kOperationPointwise, kOperationPointwiseDescriptor, kTypeBackendDescriptor, 1},
    {kOperationPointwise, kOperationPointwiseX, kTypeBackendDescriptor, 1},
    {kOperationPointwise, kOperationPointwiseB, kTypeBackendDescriptor, 1},
    {kOperationPointwise, kOperationPointwiseY, kTypeBackendDescriptor, 1},
    {kOperationGraph, kOperationGraphHandle, kTypeHandle, 1},
    {kOperationGraph, kOperationGraphOps, kTypeBackendDescriptor, 0},
    {kEngineHeur, kEngineHeurMode, kTypeHeurMode, 1},
    {kEngineHeur, kEngineHeurOperationGraph, kTypeBackendDescriptor, 1},
    {kExecutionPlan, kExecutionPlanHandle, kTypeHandle, 1},
    {kExecutionPlan, kExecutionPlanEngineConfig, kTypeBackendDescriptor, 1},
    {kVariantPack, kVariantPackUniqueIds, kTypeInt64, 0},
    {kVariantPack, kVariantPackDataPointers, kTypeVoidPtr, 0},
    {kVariantPack, kVariantPackWorkspace, kTypeVoidPtr, 1},
};

int64_t size_of(AttributeType type) {
  switch (type) {
    case kTypeBoolean:
      return 1;
    case kTypeInt64:
    case kTypeHandle:
    case kTypeVoidPtr:
    case kTypeBackendDescriptor:
      return 8;
    default:
      return 4;
  }
}

// The engines that it proposes. What a caller has to pass over comes first, and computes nothing.
enum class EngineKind { undeterministic, winograd, tf32, greedy, good };

struct Made {
  DescriptorType type;
  std::map<AttributeName, std::vector<char>> values = {};
  bool is_final = false;
  Descriptor twin = nullptr;
  const Made* graph = nullptr;  // of an engine, a configuration, a plan
  EngineKind engine = EngineKind::good;

  const std::vector<char>& bytes(AttributeName name) const {
    const auto found = values.find(name);
    need(found != values.end(),
         "attribute " + std::to_string(name) + " is missing in a descriptor of type " + std::to_string(type));
    return found->second;
  }
  template <class T>
  std::vector<T> list(AttributeName name) const {
    const std::vector<char>& all = bytes(name);
    std::vector<T> values(all.size() / sizeof(T));
    std::memcpy(values.data(), all.data(), all.size());
    return values;
  }
  template <class T = int64_t>
  T one(AttributeName name) const {
    return list<T>(name).at(0);
  }
  const Made& part(AttributeName name) const { return *static_cast<const Made*>(one<Descriptor>(name)); }
};

Made& made(Descriptor descriptor) {
  return *static_cast<Made*>(descriptor);
}

// ---- what NVIDIA's library checks of a descriptor that is complete

std::vector<int64_t> dims_of(const Made& tensor) {
  return tensor.list<int64_t>(kTensorDimensions);
}
DataType type_of(const Made& tensor) {
  return tensor.one<DataType>(kTensorDataType);
}
bool is_virtual(const Made& tensor) {
  return tensor.values.contains(kTensorIsVirtual) && tensor.one<char>(kTensorIsVirtual);
}

void check_tensor(const Made& t) {
  for (const int64_t dim : dims_of(t)) need(dim >= 1, "a tensor with an empty axis");
  const int64_t alignment = t.one(kTensorByteAlignment);
  need(alignment >= 1 && (alignment & (alignment - 1)) == 0, "an alignment that is no power of two");
  t.list<int64_t>(kTensorStrides), t.one(kTensorUniqueId), type_of(t);
}

void check_convolution(const Made& c) {
  need(c.one(kConvolutionSpatialDims) == 2, "a convolution that has not two axes");
  need(c.one<ConvolutionMode>(kConvolutionConvMode) == kCrossCorrelation, "a kernel that is turned");
  need(c.one<DataType>(kConvolutionCompType) == kFloat, "a convolution that is not summed in f32");
  need(c.list<int64_t>(kConvolutionDilations) == std::vector<int64_t>{1, 1}, "a kernel with gaps");
}

void check_convolution_of_tensors(const Made& op) {
  const Made& conv = op.part(kConvolutionForwardConvDesc);
  const auto x = dims_of(op.part(kConvolutionForwardX)), w = dims_of(op.part(kConvolutionForwardW)),
             y = dims_of(op.part(kConvolutionForwardY));
  const auto stride = conv.list<int64_t>(kConvolutionFilterStrides),
             before = conv.list<int64_t>(kConvolutionPrePaddings),
             behind = conv.list<int64_t>(kConvolutionPostPaddings);
  need(y[0] == x[0] && y[1] == w[0] && x[1] == w[1], "x, w and y do not belong together");
  for (size_t axis : {0, 1})
    need(y[2 + axis] == (x[2 + axis] + before[axis] + behind[axis] - w[2 + axis]) / stride[axis] + 1,
         "y has not the size that follows from x, w and the padding");
  need(op.part(kConvolutionForwardW).list<int64_t>(kTensorStrides)[0] == w[1] * w[2] * w[3], "a filter with gaps");
  need(type_of(op.part(kConvolutionForwardX)) == type_of(op.part(kConvolutionForwardW)), "x and w differ in type");
  need(op.one<float>(kConvolutionForwardAlpha) == 1 && op.one<float>(kConvolutionForwardBeta) == 0,
       "a convolution that is scaled");
}

void check_sum_of_tensors(const Made& op) {
  const Made& pointwise = op.part(kOperationPointwiseDescriptor);
  need(pointwise.one<PointwiseMode>(kPointwiseMode) == kAdd && pointwise.one<DataType>(kPointwiseMathPrec) == kFloat,
       "a function that is no sum in f32");
  const auto x = dims_of(op.part(kOperationPointwiseX)), b = dims_of(op.part(kOperationPointwiseB)),
             y = dims_of(op.part(kOperationPointwiseY));
  need(x == y, "a sum of another shape");
  for (size_t axis = 0; axis < 4; ++axis) need(b[axis] == y[axis] || b[axis] == 1, "b cannot be repeated to y's shape");
}

std::vector<const Made*> operations_of(const Made& graph) {
  std::vector<const Made*> operations;
  for (const Descriptor op : graph.list<Descriptor>(kOperationGraphOps)) operations.push_back(&made(op));
  return operations;
}

struct Sides {
  std::vector<const Made*> in;
  const Made* out;
};
Sides sides_of(const Made& op) {
  if (op.type == kOperationConvolutionForward)
    return {{&op.part(kConvolutionForwardX), &op.part(kConvolutionForwardW)}, &op.part(kConvolutionForwardY)};
  return {{&op.part(kOperationPointwiseX), &op.part(kOperationPointwiseB)}, &op.part(kOperationPointwiseY)};
}

void check_graph(const Made& graph) {
  graph.one<Handle>(kOperationGraphHandle);
  std::map<int64_t, const Made*> known;
  std::set<const Made*> computed;
  for (const Made* op : operations_of(graph)) {
    const Sides sides = sides_of(*op);
    for (const Made* t : sides.in)
      need(!is_virtual(*t) || computed.contains(t), "a tensor without memory is read first");
    computed.insert(sides.out);
    for (const Made* t : {sides.in[0], sides.in[1], sides.out})
      need(known.emplace(t->one(kTensorUniqueId), t).first->second == t, "two tensors have one name");
  }
}

void check(const Made& m) {
  switch (m.type) {
    case kTensor:
      return check_tensor(m);
    case kConvolution:
      return check_convolution(m);
    case kOperationConvolutionForward:
      return check_convolution_of_tensors(m);
    case kOperationPointwise:
      return check_sum_of_tensors(m);
    case kOperationGraph:
      return check_graph(m);
    default:
      return;
  }
}

// ---- running

struct View {
  std::vector<int64_t> dims, strides;
  DataType type;
  int64_t alignment;
  void* data;  // null: virtual

  explicit View(const Made& t, void* data)
      : dims(dims_of(t)),
        strides(t.list<int64_t>(kTensorStrides)),
        type(type_of(t)),
        alignment(t.one(kTensorByteAlignment)),
        data(data) {}

  int64_t numel() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  uint64_t bytes() const {
    int64_t last = 0;
    for (size_t axis = 0; axis < 4; ++axis) last += (dims[axis] - 1) * strides[axis];
    return uint64_t(last + 1) * (type == kFloat ? 4 : 2);
  }
  template <class F>
  void each(F&& f) const {  // f(place in (n, c, h, w) order, offset)
    int64_t at = 0;
    for (int64_t n = 0; n < dims[0]; ++n)
      for (int64_t c = 0; c < dims[1]; ++c)
        for (int64_t h = 0; h < dims[2]; ++h)
          for (int64_t w = 0; w < dims[3]; ++w)
            f(at++, n * strides[0] + c * strides[1] + h * strides[2] + w * strides[3]);
  }
  std::vector<float> read() const {
    std::vector<float> values(size_t(numel()), 0);
    stand_in::with_type(type == kFloat, type == kHalf, [&]<class T>() {
      each([&](int64_t at, int64_t from) { values[size_t(at)] = to_float(static_cast<const T*>(data)[from]); });
    });
    return values;
  }
  void write(const std::vector<float>& values) const {
    stand_in::with_type(type == kFloat, type == kHalf, [&]<class T>() {
      each([&](int64_t at, int64_t to) { static_cast<T*>(data)[to] = from_float<T>(values[size_t(at)]); });
    });
  }
};

struct Step {
  bool is_convolution;
  int64_t in[2], out;  // names
  std::vector<int64_t> stride, padding;
};

// Independent of the descriptors, which may be gone when a graph is launched.
struct Execution {
  std::map<int64_t, View> tensors;
  std::vector<Step> steps;
  void* workspace;

  std::vector<float> convolve(const Step& s, const std::vector<float>& x, const std::vector<float>& w) const {
    const auto &dx = tensors.at(s.in[0]).dims, &dw = tensors.at(s.in[1]).dims, &dy = tensors.at(s.out).dims;
    std::vector<float> y;
    for (int64_t n = 0; n < dy[0]; ++n)
      for (int64_t out = 0; out < dy[1]; ++out)
        for (int64_t row = 0; row < dy[2]; ++row)
          for (int64_t column = 0; column < dy[3]; ++column) {
            double sum = 0;
            for (int64_t r = 0; r < dw[2]; ++r)
              for (int64_t c = 0; c < dw[3]; ++c) {
                const int64_t h = row * s.stride[0] - s.padding[0] + r, v = column * s.stride[1] - s.padding[1] + c;
                if (h < 0 || h >= dx[2] || v < 0 || v >= dx[3]) continue;
                for (int64_t in = 0; in < dx[1]; ++in)
                  sum += double(x[size_t(((n * dx[1] + in) * dx[2] + h) * dx[3] + v)]) *
                         double(w[size_t(((out * dw[1] + in) * dw[2] + r) * dw[3] + c)]);
              }
            y.push_back(float(sum));
          }
    return y;
  }

  std::vector<float> add(const Step& s, const std::vector<float>& x, const std::vector<float>& b) const {
    View repeated = tensors.at(s.in[1]);  // b as it is read, in the order of x
    repeated.strides = {repeated.dims[1] * repeated.dims[2] * repeated.dims[3], repeated.dims[2] * repeated.dims[3],
                        repeated.dims[3], 1};
    for (size_t axis = 0; axis < 4; ++axis)
      if (repeated.dims[axis] == 1) repeated.strides[axis] = 0;
    repeated.dims = tensors.at(s.out).dims;
    std::vector<float> y(x.size());
    repeated.each([&](int64_t at, int64_t from) { y[size_t(at)] = x[size_t(at)] + b[size_t(from)]; });
    return y;
  }

  void run() const {
    stand_in::scribble(workspace, kWorkspaceBytes);
    std::map<int64_t, std::vector<float>> values;
    for (const Step& s : steps) {
      for (const int64_t name : s.in)
        if (!values.contains(name)) values[name] = tensors.at(name).read();
      auto& y = values[s.out];
      y = s.is_convolution ? convolve(s, values[s.in[0]], values[s.in[1]]) : add(s, values[s.in[0]], values[s.in[1]]);
      if (tensors.at(s.out).data) tensors.at(s.out).write(y);
    }
  }
};

Execution execution_of(const Made& graph, const Made& pack) {
  const auto ids = pack.list<int64_t>(kVariantPackUniqueIds);
  const auto pointers = pack.list<void*>(kVariantPackDataPointers);
  need(ids.size() == pointers.size(), "as many names as addresses");
  std::map<int64_t, void*> memory;
  for (size_t i = 0; i < ids.size(); ++i) memory[ids[i]] = pointers[i];
  Execution e{.tensors = {}, .steps = {}, .workspace = pack.one<void*>(kVariantPackWorkspace)};
  for (const Made* op : operations_of(graph)) {
    const Sides sides = sides_of(*op);
    Step step{.is_convolution = op->type == kOperationConvolutionForward,
              .in = {sides.in[0]->one(kTensorUniqueId), sides.in[1]->one(kTensorUniqueId)},
              .out = sides.out->one(kTensorUniqueId),
              .stride = {},
              .padding = {}};
    if (step.is_convolution) {
      const Made& conv = op->part(kConvolutionForwardConvDesc);
      step.stride = conv.list<int64_t>(kConvolutionFilterStrides);
      step.padding = conv.list<int64_t>(kConvolutionPrePaddings);
    }
    for (const Made* t : {sides.in[0], sides.in[1], sides.out}) {
      const int64_t name = t->one(kTensorUniqueId);
      need(is_virtual(*t) != memory.contains(name), "a tensor has no memory, or some that it is not to have");
      const View view(*t, is_virtual(*t) ? nullptr : memory.at(name));
      if (view.data)
        stand_in::need_memory(view.data, view.bytes(), uint64_t(view.alignment), "tensor " + std::to_string(name));
      e.tensors.emplace(name, view);
    }
    e.steps.push_back(step);
  }
  stand_in::need_memory(e.workspace, uint64_t(kWorkspaceBytes), 16, "the workspace");
  const View& y = e.tensors.at(e.steps.back().out);
  for (const auto& [name, t] : e.tensors) {
    if (!t.data) continue;
    const std::string what = "tensor " + std::to_string(name);
    need(t.data != y.data || &t == &y, what + " is read and written");
    stand_in::need_apart(e.workspace, uint64_t(kWorkspaceBytes), t.data, t.bytes(), what);
  }
  return e;
}

// So that both ways are seen: no chains in f32, whose engines want tensor cores, and nothing with one channel.
bool has_engine(const Made& graph) {
  const auto operations = operations_of(graph);
  const Made& w = operations[0]->part(kConvolutionForwardW);
  return dims_of(w)[1] != 1 && (operations.size() == 1 || type_of(w) != kFloat);
}

std::vector<NumericalNote> notes_of(const Made& engine) {
  switch (engine.engine) {
    case EngineKind::undeterministic:
      return {kNoteNondeterministic};
    case EngineKind::winograd:
      return {kNoteTensorCore, kNoteWinograd, kNoteWinogradTile6x6};
    case EngineKind::tf32:
      return {kNoteTensorCore, kNoteDownConvertInputs};
    default:
      return {};
  }
}

void forward(const Made& m, AttributeName name, AttributeType type, int64_t count, const void* values) {
  if (!m.twin) return;
  std::vector<Descriptor> twins;
  if (type == kTypeBackendDescriptor) {
    for (int64_t i = 0; i < count; ++i) twins.push_back(made(static_cast<const Descriptor*>(values)[i]).twin);
    values = twins.data();
  }
  const Status status = real().BackendSetAttribute(m.twin, name, type, count, values);
  need(status == kSuccess,
       "the real library refuses attribute " + std::to_string(name) + ": " + std::to_string(status));
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() {
  return 91900;
}
Status cudnnCreate(Handle* handle) {
  *handle = new HandleOf;
  return kSuccess;
}
Status cudnnDestroy(Handle handle) {
  delete handle;
  return kSuccess;
}
Status cudnnSetStream(Handle handle, void* stream) {
  handle->stream = stream;
  return kSuccess;
}

Status cudnnBackendCreateDescriptor(DescriptorType type, Descriptor* descriptor) {
  auto* const m = new Made{.type = type};
  // What needs no card.
  constexpr DescriptorType kOnHost[] = {kTensor, kConvolution, kPointwise, kOperationConvolutionForward,
                                        kOperationPointwise};
  if (real().Create && std::find(std::begin(kOnHost), std::end(kOnHost), type) != std::end(kOnHost))
    need(real().BackendCreateDescriptor(type, &m->twin) == kSuccess, "the real library has no such descriptor");
  *descriptor = m;
  return kSuccess;
}
Status cudnnBackendDestroyDescriptor(Descriptor descriptor) {
  if (made(descriptor).twin) real().BackendDestroyDescriptor(made(descriptor).twin);
  delete &made(descriptor);
  return kSuccess;
}

Status cudnnBackendSetAttribute(Descriptor descriptor, AttributeName name, AttributeType type, int64_t count,
                                const void* values) {
  Made& m = made(descriptor);
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules),
                                 [&](const Rule& r) { return r.of == m.type && r.name == name; });
  const std::string what = "attribute " + std::to_string(name);
  need(rule != std::end(kRules), what + " of a descriptor that has none");
  need(rule->type == type, what + " of another type");
  need(rule->count == 0 || rule->count == count, what + " of another count");
  need(!m.is_final, what + " is set too late");
  if (type == kTypeBackendDescriptor)
    for (int64_t i = 0; i < count; ++i) {
      const Made& part = made(static_cast<const Descriptor*>(values)[i]);
      need(part.is_final, what + " is a descriptor that is not complete");
    }
  const char* const bytes = static_cast<const char*>(values);
  m.values[name].assign(bytes, bytes + count * size_of(type));
  forward(m, name, type, count, values);
  return kSuccess;
}

Status cudnnBackendFinalize(Descriptor descriptor) {
  Made& m = made(descriptor);
  check(m);
  if (m.type == kExecutionPlan) {
    const Made& config = m.part(kExecutionPlanEngineConfig);
    m.graph = config.graph;
    m.engine = config.engine;
  }
  if (m.twin) {
    const Status status = real().BackendFinalize(m.twin);
    need(status == kSuccess,
         "the real library refuses a descriptor of type " + std::to_string(m.type) + ": " + std::to_string(status));
  }
  m.is_final = true;
  return kSuccess;
}

Status cudnnBackendGetAttribute(Descriptor descriptor, AttributeName name, AttributeType type, int64_t asked,
                                int64_t* count, void* values) {
  const Made& m = made(descriptor);
  need(m.is_final, "an attribute of a descriptor that is not complete is asked for");
  if (m.type == kEngineHeur && name == kEngineHeurResults && type == kTypeBackendDescriptor) {
    const Made& graph = m.part(kEngineHeurOperationGraph);
    const auto mode = m.one<HeurMode>(kEngineHeurMode);
    *count = mode == kHeurModeA && has_engine(graph) ? int64_t(EngineKind::good) + 1 : 0;
    for (int64_t i = 0; values && i < std::min(asked, *count); ++i) {
      Made& config = made(static_cast<Descriptor*>(values)[i]);
      need(config.type == kEngineCfg, "an engine goes to a descriptor of another kind");
      config.graph = &graph, config.engine = EngineKind(i), config.is_final = true;
    }
    return kSuccess;
  }
  if (m.type == kEngineCfg && name == kEngineCfgEngine && type == kTypeBackendDescriptor && asked == 1) {
    Made& engine = made(*static_cast<Descriptor*>(values));
    engine.graph = m.graph, engine.engine = m.engine, engine.is_final = true;
    *count = 1;
    return kSuccess;
  }
  if (m.type == kEngine && name == kEngineNumericalNote && type == kTypeNumericalNote) {
    const auto notes = notes_of(m);
    *count = int64_t(notes.size());
    need(asked >= *count, "less room than there are notes");
    std::copy(notes.begin(), notes.end(), static_cast<NumericalNote*>(values));
    return kSuccess;
  }
  need(m.type == kExecutionPlan && name == kExecutionPlanWorkspaceSize && type == kTypeInt64 && asked == 1,
       "attribute " + std::to_string(name) + " that is not known is asked for");
  *static_cast<int64_t*>(values) = m.engine == EngineKind::greedy ? int64_t(1) << 40 : kWorkspaceBytes;
  *count = 1;
  return kSuccess;
}

Status cudnnBackendExecute(Handle, Descriptor plan, Descriptor pack) {
  const Made& p = made(plan);
  need(p.is_final && made(pack).is_final, "what is executed is not complete");
  const bool is_f32 = type_of(operations_of(*p.graph)[0]->part(kConvolutionForwardX)) == kFloat;
  need(p.engine == EngineKind::good || (p.engine == EngineKind::tf32 && !is_f32),
       "an engine that rounds or varies more than the op");
  const Execution execution = execution_of(*p.graph, made(pack));
  stand_in::enqueue([execution] { execution.run(); });
  return kSuccess;
}

}  // extern "C"

}  // namespace seedstory
