// Compares what cublaslt_api.h and cudnn_api.h declare with NVIDIA's own headers: every number, and the shape of every
// function. Compiled by scripts/check_libraries; there is nothing to run.
#include <cublasLt.h>
#include <cudnn.h>

#include "../../cuda/library/cublaslt_api.h"
#include "../../cuda/library/cudnn_api.h"

namespace seedstory {
namespace {

template <class A, class B>
constexpr bool is_like =
    sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>&& std::is_floating_point_v<A> ==
                                  std::is_floating_point_v<B>;
template <class Theirs, class Ours>
constexpr bool is_same_call = false;
template <class A, class... As, class B, class... Bs>
requires(sizeof...(As) == sizeof...(Bs)) constexpr bool is_same_call<A(As...), B (*)(Bs...)> = is_like<A, B> &&
                                                                                               (is_like<As, Bs> && ...);

template <class T>
constexpr bool are(T theirs, int ours) {
  return int(theirs) == ours;
}

namespace lt {
using namespace cublaslt;
using F = Functions;

static_assert(are(CUBLAS_STATUS_SUCCESS, kSuccess) && are(CUBLAS_STATUS_NOT_SUPPORTED, kNotSupported));
static_assert(are(CUBLAS_COMPUTE_32F, kCompute32F));
static_assert(are(CUDA_R_32F, kR32F) && are(CUDA_R_16F, kR16F) && are(CUDA_R_16BF, kR16BF));
static_assert(are(CUBLAS_OP_N, kOpN) && are(CUBLAS_OP_T, kOpT));
static_assert(are(CUBLASLT_EPILOGUE_DEFAULT, kEpilogueDefault) && are(CUBLASLT_EPILOGUE_BIAS, kEpilogueBias));
static_assert(are(CUBLASLT_MATMUL_DESC_TRANSA, kDescTransA) && are(CUBLASLT_MATMUL_DESC_TRANSB, kDescTransB));
static_assert(are(CUBLASLT_MATMUL_DESC_EPILOGUE, kDescEpilogue) &&
              are(CUBLASLT_MATMUL_DESC_BIAS_POINTER, kDescBiasPointer));
static_assert(are(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, kReduceInComputeType));
static_assert(are(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kPrefReductionSchemeMask));
static_assert(are(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kPrefMaxWorkspaceBytes) &&
              are(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kPrefMinAlignmentA) &&
              are(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kPrefMinAlignmentB) &&
              are(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kPrefMinAlignmentC) &&
              are(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kPrefMinAlignmentD));
static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(Algo));
using Theirs = cublasLtMatmulHeuristicResult_t;
static_assert(sizeof(Theirs) == sizeof(HeuristicResult) && offsetof(Theirs, algo) == offsetof(HeuristicResult, algo) &&
              offsetof(Theirs, workspaceSize) == offsetof(HeuristicResult, workspace_bytes) &&
              offsetof(Theirs, state) == offsetof(HeuristicResult, state) &&
              offsetof(Theirs, wavesCount) == offsetof(HeuristicResult, waves));

static_assert(is_same_call<decltype(cublasLtGetVersion), decltype(F::GetVersion)>);
static_assert(is_same_call<decltype(cublasLtCreate), decltype(F::Create)>);
static_assert(is_same_call<decltype(cublasLtDestroy), decltype(F::Destroy)>);
static_assert(is_same_call<decltype(cublasLtMatmulDescCreate), decltype(F::MatmulDescCreate)>);
static_assert(is_same_call<decltype(cublasLtMatmulDescDestroy), decltype(F::MatmulDescDestroy)>);
static_assert(is_same_call<decltype(cublasLtMatmulDescSetAttribute), decltype(F::MatmulDescSetAttribute)>);
static_assert(is_same_call<decltype(cublasLtMatrixLayoutCreate), decltype(F::MatrixLayoutCreate)>);
static_assert(is_same_call<decltype(cublasLtMatrixLayoutDestroy), decltype(F::MatrixLayoutDestroy)>);
static_assert(is_same_call<decltype(cublasLtMatmulPreferenceCreate), decltype(F::MatmulPreferenceCreate)>);
static_assert(is_same_call<decltype(cublasLtMatmulPreferenceDestroy), decltype(F::MatmulPreferenceDestroy)>);
static_assert(is_same_call<decltype(cublasLtMatmulPreferenceSetAttribute), decltype(F::MatmulPreferenceSetAttribute)>);
static_assert(is_same_call<decltype(cublasLtMatmulAlgoGetHeuristic), decltype(F::MatmulAlgoGetHeuristic)>);
static_assert(is_same_call<decltype(cublasLtMatmul), decltype(F::Matmul)>);
}  // namespace lt

namespace dnn {
using namespace cudnn;
using F = Functions;

static_assert(are(CUDNN_STATUS_SUCCESS, kSuccess));
static_assert(are(CUDNN_DATA_FLOAT, kFloat) && are(CUDNN_DATA_HALF, kHalf) && are(CUDNN_DATA_BFLOAT16, kBFloat16));
static_assert(are(CUDNN_CROSS_CORRELATION, kCrossCorrelation) && are(CUDNN_POINTWISE_ADD, kAdd));
static_assert(are(CUDNN_HEUR_MODE_FALLBACK, kHeurModeFallback) && are(CUDNN_HEUR_MODE_A, kHeurModeA));
static_assert(are(CUDNN_NUMERICAL_NOTE_TENSOR_CORE, kNoteTensorCore) &&
              are(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, kNoteDownConvertInputs) &&
              are(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, kNoteReducedPrecisionReduction) &&
              are(CUDNN_NUMERICAL_NOTE_FFT, kNoteFft) &&
              are(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, kNoteNondeterministic) &&
              are(CUDNN_NUMERICAL_NOTE_WINOGRAD, kNoteWinograd) &&
              are(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, kNoteWinogradTile4x4) &&
              are(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, kNoteWinogradTile6x6) &&
              are(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13, kNoteWinogradTile13x13));
static_assert(are(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, kPointwise) &&
              are(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, kConvolution) &&
              are(CUDNN_BACKEND_ENGINE_DESCRIPTOR, kEngine) && are(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, kEngineCfg) &&
              are(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, kEngineHeur) &&
              are(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, kExecutionPlan) &&
              are(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, kOperationConvolutionForward) &&
              are(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, kOperationPointwise) &&
              are(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, kOperationGraph) &&
              are(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, kVariantPack) &&
              are(CUDNN_BACKEND_TENSOR_DESCRIPTOR, kTensor));
static_assert(are(CUDNN_TYPE_HANDLE, kTypeHandle) && are(CUDNN_TYPE_DATA_TYPE, kTypeDataType) &&
              are(CUDNN_TYPE_BOOLEAN, kTypeBoolean) && are(CUDNN_TYPE_INT64, kTypeInt64) &&
              are(CUDNN_TYPE_FLOAT, kTypeFloat) && are(CUDNN_TYPE_VOID_PTR, kTypeVoidPtr) &&
              are(CUDNN_TYPE_CONVOLUTION_MODE, kTypeConvolutionMode) && are(CUDNN_TYPE_HEUR_MODE, kTypeHeurMode) &&
              are(CUDNN_TYPE_NUMERICAL_NOTE, kTypeNumericalNote) &&
              are(CUDNN_TYPE_POINTWISE_MODE, kTypePointwiseMode) &&
              are(CUDNN_TYPE_BACKEND_DESCRIPTOR, kTypeBackendDescriptor));
static_assert(are(CUDNN_ATTR_POINTWISE_MODE, kPointwiseMode) &&
              are(CUDNN_ATTR_POINTWISE_MATH_PREC, kPointwiseMathPrec) &&
              are(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, kConvolutionCompType) &&
              are(CUDNN_ATTR_CONVOLUTION_CONV_MODE, kConvolutionConvMode) &&
              are(CUDNN_ATTR_CONVOLUTION_DILATIONS, kConvolutionDilations) &&
              are(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, kConvolutionFilterStrides) &&
              are(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, kConvolutionPostPaddings) &&
              are(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, kConvolutionPrePaddings) &&
              are(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, kConvolutionSpatialDims));
static_assert(are(CUDNN_ATTR_ENGINEHEUR_MODE, kEngineHeurMode) &&
              are(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, kEngineHeurOperationGraph) &&
              are(CUDNN_ATTR_ENGINEHEUR_RESULTS, kEngineHeurResults) &&
              are(CUDNN_ATTR_ENGINECFG_ENGINE, kEngineCfgEngine) &&
              are(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, kEngineNumericalNote) &&
              are(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, kExecutionPlanHandle) &&
              are(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kExecutionPlanEngineConfig) &&
              are(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, kExecutionPlanWorkspaceSize));
static_assert(are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, kConvolutionForwardAlpha) &&
              are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, kConvolutionForwardBeta) &&
              are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kConvolutionForwardConvDesc) &&
              are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, kConvolutionForwardW) &&
              are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, kConvolutionForwardX) &&
              are(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, kConvolutionForwardY) &&
              are(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kOperationPointwiseDescriptor) &&
              are(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, kOperationPointwiseX) &&
              are(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, kOperationPointwiseB) &&
              are(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, kOperationPointwiseY) &&
              are(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, kOperationGraphHandle) &&
              are(CUDNN_ATTR_OPERATIONGRAPH_OPS, kOperationGraphOps));
static_assert(are(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kTensorByteAlignment) &&
              are(CUDNN_ATTR_TENSOR_DATA_TYPE, kTensorDataType) &&
              are(CUDNN_ATTR_TENSOR_DIMENSIONS, kTensorDimensions) && are(CUDNN_ATTR_TENSOR_STRIDES, kTensorStrides) &&
              are(CUDNN_ATTR_TENSOR_UNIQUE_ID, kTensorUniqueId) &&
              are(CUDNN_ATTR_TENSOR_IS_VIRTUAL, kTensorIsVirtual) &&
              are(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, kVariantPackUniqueIds) &&
              are(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, kVariantPackDataPointers) &&
              are(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, kVariantPackWorkspace));

static_assert(is_same_call<decltype(cudnnGetVersion), decltype(F::GetVersion)>);
static_assert(is_same_call<decltype(cudnnCreate), decltype(F::Create)>);
static_assert(is_same_call<decltype(cudnnDestroy), decltype(F::Destroy)>);
static_assert(is_same_call<decltype(cudnnSetStream), decltype(F::SetStream)>);
static_assert(is_same_call<decltype(cudnnBackendCreateDescriptor), decltype(F::BackendCreateDescriptor)>);
static_assert(is_same_call<decltype(cudnnBackendDestroyDescriptor), decltype(F::BackendDestroyDescriptor)>);
static_assert(is_same_call<decltype(cudnnBackendFinalize), decltype(F::BackendFinalize)>);
static_assert(is_same_call<decltype(cudnnBackendSetAttribute), decltype(F::BackendSetAttribute)>);
static_assert(is_same_call<decltype(cudnnBackendGetAttribute), decltype(F::BackendGetAttribute)>);
static_assert(is_same_call<decltype(cudnnBackendExecute), decltype(F::BackendExecute)>);
}  // namespace dnn

}  // namespace
}  // namespace seedstory
