// What of cuDNN's interface is used, by its names and numbers (NVIDIA cuDNN documentation, "Graph API: Backend
// Descriptor Types"; 9.x). Declared here for the reason that cublaslt_api.h gives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace seedstory::cudnn {

enum Status : int { kSuccess = 0 };
enum DataType : int { kFloat = 0, kHalf = 2, kBFloat16 = 9 };
enum ConvolutionMode : int { kCrossCorrelation = 1 };
enum PointwiseMode : int { kAdd = 0 };
enum HeurMode : int { kHeurModeFallback = 2, kHeurModeA = 3 };
enum NumericalNote : int {
  kNoteTensorCore = 0,
  kNoteDownConvertInputs = 1,
  kNoteReducedPrecisionReduction = 2,
  kNoteFft = 3,
  kNoteNondeterministic = 4,
  kNoteWinograd = 5,
  kNoteWinogradTile4x4 = 6,
  kNoteWinogradTile6x6 = 7,
  kNoteWinogradTile13x13 = 8
};
enum DescriptorType : int {
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kEngineCfg = 3,
  kEngineHeur = 4,
  kExecutionPlan = 5,
  kOperationConvolutionForward = 10,
  kOperationPointwise = 13,
  kOperationGraph = 15,
  kVariantPack = 16,
  kTensor = 17
};
enum AttributeType : int {
  kTypeHandle = 0,
  kTypeDataType = 1,
  kTypeBoolean = 2,
  kTypeInt64 = 3,
  kTypeFloat = 4,
  kTypeVoidPtr = 6,
  kTypeConvolutionMode = 7,
  kTypeHeurMode = 8,
  kTypeNumericalNote = 11,
  kTypePointwiseMode = 14,
  kTypeBackendDescriptor = 15
};
enum AttributeName : int {
  kPointwiseMode = 0,
  kPointwiseMathPrec = 1,
  kConvolutionCompType = 100,
  kConvolutionConvMode = 101,
  kConvolutionDilations = 102,
  kConvolutionFilterStrides = 103,
  kConvolutionPostPaddings = 104,
  kConvolutionPrePaddings = 105,
  kConvolutionSpatialDims = 106,
  kEngineHeurMode = 200,
  kEngineHeurOperationGraph = 201,
  kEngineHeurResults = 202,
  kEngineCfgEngine = 300,
  kExecutionPlanHandle = 400,
  kExecutionPlanEngineConfig = 401,
  kExecutionPlanWorkspaceSize = 402,
  kConvolutionForwardAlpha = 700,
  kConvolutionForwardBeta = 701,
  kConvolutionForwardConvDesc = 702,
  kConvolutionForwardW = 703,
  kConvolutionForwardX = 704,
  kConvolutionForwardY = 705,
  kOperationPointwiseDescriptor = 750,
  kOperationPointwiseX = 751,
  kOperationPointwiseB = 752,
  kOperationPointwiseY = 753,
  kOperationGraphHandle = 800,
  kOperationGraphOps = 801,
  kTensorByteAlignment = 900,
  kTensorDataType = 901,
  kTensorDimensions = 902,
  kTensorStrides = 903,
  kTensorUniqueId = 906,
  kTensorIsVirtual = 907,
  kVariantPackUniqueIds = 1000,
  kVariantPackDataPointers = 1001,
  kVariantPackWorkspace = 1003,
  kEngineNumericalNote = 1303
};

using Handle = struct HandleOf*;
using Descriptor = void*;

// By the names that the library exports, "cudnn" in front.
struct Functions {
  size_t (*GetVersion)();
  Status (*Create)(Handle* handle);
  Status (*Destroy)(Handle handle);
  Status (*SetStream)(Handle handle, void* stream);
  Status (*BackendCreateDescriptor)(DescriptorType type, Descriptor* descriptor);
  Status (*BackendDestroyDescriptor)(Descriptor descriptor);
  Status (*BackendFinalize)(Descriptor descriptor);
  Status (*BackendSetAttribute)(Descriptor descriptor, AttributeName name, AttributeType type, int64_t count,
                                const void* values);
  Status (*BackendGetAttribute)(Descriptor descriptor, AttributeName name, AttributeType type, int64_t asked,
                                int64_t* count, void* values);
  Status (*BackendExecute)(Handle handle, Descriptor plan, Descriptor pack);
};

// f("name", function) for each.
template <class F>
void each(Functions& f, F&& visit) {
  visit("GetVersion", f.GetVersion), visit("Create", f.Create), visit("Destroy", f.Destroy);
  visit("SetStream", f.SetStream), visit("BackendCreateDescriptor", f.BackendCreateDescriptor);
  visit("BackendDestroyDescriptor", f.BackendDestroyDescriptor), visit("BackendFinalize", f.BackendFinalize);
  visit("BackendSetAttribute", f.BackendSetAttribute), visit("BackendGetAttribute", f.BackendGetAttribute);
  visit("BackendExecute", f.BackendExecute);
}

}  // namespace seedstory::cudnn
