// A stand-in for cuBLASLt (stand_in.h), at the names that NVIDIA's library exports.
#include <array>
#include <vector>

#include "../../cuda/library/cublaslt_api.h"
#include "stand_in.h"

namespace seedstory {

using namespace cublaslt;
using stand_in::need;

namespace {

constexpr uint64_t kWorkspaceBytes = 3 << 20;  // what a kernel of it takes

const Functions& real() {
  static const Functions functions = [] {
    Functions f = {};
    if (void* library = stand_in::real_library("REAL_CUBLASLT"))
      each(f, [&](const char* name, auto*& function) {
        function = reinterpret_cast<std::decay_t<decltype(function)>>(
            dlsym(library, (std::string("cublasLt") + name).c_str()));
        need(function, std::string("the real library has no cublasLt") + name);
      });
    return f;
  }();
  return functions;
}

void agree(Status status, const char* what) {
  need(status == kSuccess, std::string("the real library refuses ") + what + ": " + std::to_string(status));
}

uint64_t size_of(DataType type) {
  need(type == kR32F || type == kR16F || type == kR16BF, "a type that is none of f32, f16 and bf16");
  return type == kR32F ? 4 : 2;
}

float load(DataType type, const void* from, uint64_t at) {
  return stand_in::with_type(type == kR32F, type == kR16F,
                             [&]<class T>() { return to_float(static_cast<const T*>(from)[at]); });
}

void store(DataType type, void* to, uint64_t at, float value) {
  stand_in::with_type(type == kR32F, type == kR16F, [&]<class T>() { static_cast<T*>(to)[at] = from_float<T>(value); });
}

}  // namespace

namespace cublaslt {

struct HandleOf {};
struct DescOf {
  int32_t trans_a = kOpN, trans_b = kOpN;
  uint32_t epilogue = kEpilogueDefault;
  const void* bias = nullptr;
  Desc twin = nullptr;
};
struct LayoutOf {
  DataType type;
  uint64_t rows, cols;
  int64_t ld;
  Layout twin = nullptr;
  uint64_t bytes() const { return rows * cols == 0 ? 0 : (uint64_t(ld) * (cols - 1) + rows) * size_of(type); }
};
struct PreferenceOf {
  uint64_t workspace_bytes = 0;
  uint32_t reductions = 0xffffffff;
  uint32_t alignment[4] = {256, 256, 256, 256};  // what NVIDIA's assumes where nothing is said
};

}  // namespace cublaslt

namespace {

// A problem as a kernel is chosen for it.
struct Problem {
  uint64_t m, n, k;
  std::array<uint64_t, 12> identity;
};

Problem problem_of(const DescOf& desc, const LayoutOf& a, const LayoutOf& b, const LayoutOf& c, const LayoutOf& d) {
  const bool ta = desc.trans_a == kOpT, tb = desc.trans_b == kOpT;
  const Problem p{
      .m = ta ? a.cols : a.rows,
      .n = tb ? b.rows : b.cols,
      .k = ta ? a.rows : a.cols,
      .identity = {a.rows, a.cols, b.rows, b.cols, uint64_t(a.ld), uint64_t(b.ld), uint64_t(c.ld), uint64_t(d.ld),
                   uint64_t(a.type), uint64_t(d.type), desc.epilogue, uint64_t(ta) * 2 + uint64_t(tb)}};
  need((tb ? b.cols : b.rows) == p.k, "a and b do not agree about k");
  need(d.rows == p.m && d.cols == p.n, "d is not m x n");
  need(c.rows == p.m && c.cols == p.n && c.type == d.type, "c is not of d's shape and type");
  need(a.type == b.type, "a and b differ in type");
  need(d.type == a.type || d.type == kR32F, "d is neither of a's type nor f32");
  return p;
}

uint64_t digest(const Problem& p) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const uint64_t part : p.identity) hash = (hash ^ part) * 1099511628211u;
  return hash;
}

struct Call {
  DescOf desc;
  LayoutOf a, b, c, d;
  const void *a_data, *b_data, *c_data;
  void *d_data, *workspace;
  float alpha, beta;

  void run(const Problem& p) const {
    stand_in::scribble(workspace, kWorkspaceBytes);
    const auto all = [](const LayoutOf& l, const void* data, bool by_columns, uint64_t outer, uint64_t inner) {
      std::vector<float> values(outer * inner);
      for (uint64_t i = 0; i < outer; ++i)
        for (uint64_t j = 0; j < inner; ++j)
          values[i * inner + j] = load(l.type, data, by_columns ? i * uint64_t(l.ld) + j : j * uint64_t(l.ld) + i);
      return values;
    };
    const std::vector<float> left = all(a, a_data, desc.trans_a == kOpT, p.m, p.k);
    const std::vector<float> right = all(b, b_data, desc.trans_b == kOpN, p.n, p.k);
    for (uint64_t j = 0; j < p.n; ++j)
      for (uint64_t i = 0; i < p.m; ++i) {
        double sum = 0;
        for (uint64_t k = 0; k < p.k; ++k) sum += double(left[i * p.k + k]) * double(right[j * p.k + k]);
        float value = alpha * float(sum);
        if (beta != 0) value += beta * load(c.type, c_data, j * uint64_t(c.ld) + i);
        if (desc.epilogue & kEpilogueBias) value += load(d.type, desc.bias, i);
        store(d.type, d_data, j * uint64_t(d.ld) + i, value);
      }
  }
};

}  // namespace

extern "C" {

size_t cublasLtGetVersion() {
  return 130002;
}
Status cublasLtCreate(Handle* handle) {
  *handle = new HandleOf;
  return kSuccess;
}
Status cublasLtDestroy(Handle handle) {
  delete handle;
  return kSuccess;
}

Status cublasLtMatmulDescCreate(Desc* desc, ComputeType compute, DataType scale) {
  need(compute == kCompute32F && scale == kR32F, "a product that is not summed and scaled in f32");
  *desc = new DescOf;
  if (real().Create) agree(real().MatmulDescCreate(&(*desc)->twin, compute, scale), "a product");
  return kSuccess;
}
Status cublasLtMatmulDescDestroy(Desc desc) {
  if (desc->twin) real().MatmulDescDestroy(desc->twin);
  delete desc;
  return kSuccess;
}
Status cublasLtMatmulDescSetAttribute(Desc desc, DescAttribute attribute, const void* value, size_t bytes) {
  const auto take = [&](auto& field) {
    need(bytes == sizeof field, "an attribute of another size");
    std::memcpy(&field, value, sizeof field);
  };
  switch (attribute) {
    case kDescTransA:
      take(desc->trans_a);
      break;
    case kDescTransB:
      take(desc->trans_b);
      break;
    case kDescEpilogue:
      take(desc->epilogue);
      need(desc->epilogue == kEpilogueDefault || desc->epilogue == kEpilogueBias, "an epilogue that is not known");
      break;
    case kDescBiasPointer:
      take(desc->bias);
      break;
    default:
      need(false, "an attribute of a product that is not known");
  }
  if (desc->twin) agree(real().MatmulDescSetAttribute(desc->twin, attribute, value, bytes), "an attribute");
  return kSuccess;
}

Status cublasLtMatrixLayoutCreate(Layout* layout, DataType type, uint64_t rows, uint64_t cols, int64_t ld) {
  size_of(type);
  need(ld >= int64_t(rows), "a leading dimension that is shorter than a column");
  *layout = new LayoutOf{type, rows, cols, ld};
  if (real().Create) agree(real().MatrixLayoutCreate(&(*layout)->twin, type, rows, cols, ld), "a matrix");
  return kSuccess;
}
Status cublasLtMatrixLayoutDestroy(Layout layout) {
  if (layout->twin) real().MatrixLayoutDestroy(layout->twin);
  delete layout;
  return kSuccess;
}

Status cublasLtMatmulPreferenceCreate(Preference* preference) {
  *preference = new PreferenceOf;
  return kSuccess;
}
Status cublasLtMatmulPreferenceDestroy(Preference preference) {
  delete preference;
  return kSuccess;
}
Status cublasLtMatmulPreferenceSetAttribute(Preference preference, PreferenceAttribute attribute, const void* value,
                                            size_t bytes) {
  if (attribute == kPrefMaxWorkspaceBytes) {
    need(bytes == 8, "a preference of another size");
    std::memcpy(&preference->workspace_bytes, value, 8);
    return kSuccess;
  }
  need(bytes == 4, "a preference of another size");
  if (attribute == kPrefReductionSchemeMask) {
    std::memcpy(&preference->reductions, value, 4);
    return kSuccess;
  }
  need(attribute >= kPrefMinAlignmentA && attribute <= kPrefMinAlignmentD, "a preference that is not known");
  std::memcpy(&preference->alignment[attribute - kPrefMinAlignmentA], value, 4);
  return kSuccess;
}

// It has no kernel for a single column of w: so that what a library lacks is seen.
Status cublasLtMatmulAlgoGetHeuristic(Handle, Desc desc, Layout a, Layout b, Layout c, Layout d, Preference preference,
                                      int most, HeuristicResult* results, int* count) {
  const Problem p = problem_of(*desc, *a, *b, *c, *d);
  need(most >= 1, "no result is asked for");
  need(p.m > 0 && p.n > 0 && p.k > 0, "an empty product");
  *count = 0;
  if (p.m == 1) return kNotSupported;
  need(preference->reductions == kReduceInComputeType, "sums may be rounded on their way");
  need(preference->workspace_bytes >= kWorkspaceBytes, "less workspace than its kernel takes");
  results[0] = {.algo = {}, .workspace_bytes = kWorkspaceBytes, .state = kSuccess, .waves = 1, .reserved = {}};
  results[0].algo.data[0] = digest(p);
  for (int i = 0; i < 4; ++i) results[0].algo.data[1 + i] = preference->alignment[i];
  *count = 1;
  return kSuccess;
}

Status cublasLtMatmul(Handle, Desc desc, const void* alpha, const void* a, Layout a_layout, const void* b,
                      Layout b_layout, const void* beta, const void* c, Layout c_layout, void* d, Layout d_layout,
                      const Algo* algo, void* workspace, size_t workspace_bytes, void*) {
  const Problem p = problem_of(*desc, *a_layout, *b_layout, *c_layout, *d_layout);
  need(algo->data[0] == digest(p), "a kernel that was chosen for another product");
  const auto& aligned = algo->data;
  stand_in::need_memory(a, a_layout->bytes(), aligned[1], "a");
  stand_in::need_memory(b, b_layout->bytes(), aligned[2], "b");
  stand_in::need_memory(c, c_layout->bytes(), aligned[3], "c");
  stand_in::need_memory(d, d_layout->bytes(), aligned[4], "d");
  need(c != d || c_layout->ld == d_layout->ld, "c is d, and is laid out in another way");
  need(workspace_bytes >= kWorkspaceBytes, "less workspace than the kernel takes");
  stand_in::need_memory(workspace, kWorkspaceBytes, 256, "the workspace");
  const auto apart = [&](const void* data, uint64_t bytes, const char* what) {
    stand_in::need_apart(workspace, kWorkspaceBytes, data, bytes, what);
  };
  apart(a, a_layout->bytes(), "a"), apart(b, b_layout->bytes(), "b");
  apart(c, c_layout->bytes(), "c"), apart(d, d_layout->bytes(), "d");
  if (desc->epilogue & kEpilogueBias) {
    const uint64_t size = size_of(d_layout->type);
    stand_in::need_memory(desc->bias, p.m * size, size, "the bias");
    apart(desc->bias, p.m * size, "the bias");
  }
  const Call call{.desc = *desc,
                  .a = *a_layout,
                  .b = *b_layout,
                  .c = *c_layout,
                  .d = *d_layout,
                  .a_data = a,
                  .b_data = b,
                  .c_data = c,
                  .d_data = d,
                  .workspace = workspace,
                  .alpha = *static_cast<const float*>(alpha),
                  .beta = *static_cast<const float*>(beta)};
  stand_in::enqueue([call, p] { call.run(p); });
  return kSuccess;
}

}  // extern "C"

}  // namespace seedstory
