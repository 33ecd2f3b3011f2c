// What of cuBLASLt's interface is used, by its names and numbers (NVIDIA cuBLAS documentation, "Using the cuBLASLt
// API"; 12.x and 13.x). Declared here, because the program is built where no library of NVIDIA's is;
// scripts/check_libraries compares it with NVIDIA's header where that is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace seedstory::cublaslt {

enum Status : int { kSuccess = 0, kNotSupported = 15 };
enum ComputeType : int { kCompute32F = 68 };  // of f32 operands: not rounded to TF32
enum DataType : int { kR32F = 0, kR16F = 2, kR16BF = 14 };
enum Operation : int32_t { kOpN = 0, kOpT = 1 };
enum Epilogue : uint32_t { kEpilogueDefault = 1, kEpilogueBias = 4 };
enum DescAttribute : int { kDescTransA = 3, kDescTransB = 4, kDescEpilogue = 7, kDescBiasPointer = 8 };
enum ReductionScheme : uint32_t { kReduceInComputeType = 2 };  // parts of a sum are added in f32, not in d's type
enum PreferenceAttribute : int {
  kPrefMaxWorkspaceBytes = 1,
  kPrefReductionSchemeMask = 3,
  kPrefMinAlignmentA = 5,
  kPrefMinAlignmentB = 6,
  kPrefMinAlignmentC = 7,
  kPrefMinAlignmentD = 8
};

using Handle = struct HandleOf*;
using Desc = struct DescOf*;
using Layout = struct LayoutOf*;
using Preference = struct PreferenceOf*;

struct Algo {
  uint64_t data[8];
};
struct HeuristicResult {
  Algo algo;
  size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};

// By the names that the library exports, "cublasLt" in front.
struct Functions {
  size_t (*GetVersion)();
  Status (*Create)(Handle* handle);
  Status (*Destroy)(Handle handle);
  Status (*MatmulDescCreate)(Desc* desc, ComputeType compute, DataType scale);
  Status (*MatmulDescDestroy)(Desc desc);
  Status (*MatmulDescSetAttribute)(Desc desc, DescAttribute attribute, const void* value, size_t bytes);
  Status (*MatrixLayoutCreate)(Layout* layout, DataType type, uint64_t rows, uint64_t cols, int64_t ld);
  Status (*MatrixLayoutDestroy)(Layout layout);
  Status (*MatmulPreferenceCreate)(Preference* preference);
  Status (*MatmulPreferenceDestroy)(Preference preference);
  Status (*MatmulPreferenceSetAttribute)(Preference preference, PreferenceAttribute attribute, const void* value,
                                         size_t bytes);
  Status (*MatmulAlgoGetHeuristic)(Handle handle, Desc desc, Layout a, Layout b, Layout c, Layout d,
                                   Preference preference, int most, HeuristicResult* results, int* count);
  // d <- epilogue(alpha op(a) op(b) + beta c), column by column.
  Status (*Matmul)(Handle handle, Desc desc, const void* alpha, const void* a, Layout a_layout, const void* b,
                   Layout b_layout, const void* beta, const void* c, Layout c_layout, void* d, Layout d_layout,
                   const Algo* algo, void* workspace, size_t workspace_bytes, void* stream);
};

// f("name", function) for each.
template <class F>
void each(Functions& f, F&& visit) {
  visit("GetVersion", f.GetVersion), visit("Create", f.Create), visit("Destroy", f.Destroy);
  visit("MatmulDescCreate", f.MatmulDescCreate), visit("MatmulDescDestroy", f.MatmulDescDestroy);
  visit("MatmulDescSetAttribute", f.MatmulDescSetAttribute);
  visit("MatrixLayoutCreate", f.MatrixLayoutCreate), visit("MatrixLayoutDestroy", f.MatrixLayoutDestroy);
  visit("MatmulPreferenceCreate", f.MatmulPreferenceCreate);
  visit("MatmulPreferenceDestroy", f.MatmulPreferenceDestroy);
  visit("MatmulPreferenceSetAttribute", f.MatmulPreferenceSetAttribute);
  visit("MatmulAlgoGetHeuristic", f.MatmulAlgoGetHeuristic), visit("Matmul", f.Matmul);
}

}  // namespace seedstory::cublaslt
