// The names of cuda/native/gpu.cuh on the host: with this folder on the include path in place of that one, the same
// .cu files are C++ and run on the emulator of simt.h. What a name means is said there, and only there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "seedstory/error.h"
#include "simt.h"

// --- CUDA's own words

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)

using dim3 = simt::Index;
extern simt::Index threadIdx, blockIdx, blockDim, gridDim;

// The source position of whoever calls a function that has this as a default argument: errors name it.
inline simt::Where simt_where(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return {file, line};
}

inline void __syncthreads(simt::Where where = simt_where()) {
  simt::barrier(where);
}
inline void __syncwarp(unsigned mask = ~0u, simt::Where where = simt_where()) {
  simt::warp_barrier(mask, where);
}

template <class V>
V simt_shuffle(unsigned mask, V value, int source, const char* name, simt::Where where) {
  static_assert(sizeof(V) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(V));
  bits = simt::shuffle(mask, bits, source, name, where);
  std::memcpy(&value, &bits, sizeof(V));
  return value;
}
inline int simt_lane() {
  return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}
template <class V>
V __shfl_sync(unsigned mask, V value, int lane, simt::Where where = simt_where()) {
  return simt_shuffle(mask, value, lane & 31, "__shfl_sync", where);
}
template <class V>
V __shfl_xor_sync(unsigned mask, V value, int lanes, simt::Where where = simt_where()) {
  return simt_shuffle(mask, value, simt_lane() ^ lanes, "__shfl_xor_sync", where);
}
template <class V>
V __shfl_down_sync(unsigned mask, V value, unsigned lanes, simt::Where where = simt_where()) {
  return simt_shuffle(mask, value, simt_lane() + int(lanes), "__shfl_down_sync", where);
}
template <class V>
V __shfl_up_sync(unsigned mask, V value, unsigned lanes, simt::Where where = simt_where()) {
  return simt_shuffle(mask, value, simt_lane() - int(lanes), "__shfl_up_sync", where);
}
inline unsigned __ballot_sync(unsigned mask, int vote, simt::Where where = simt_where()) {
  return simt::ballot(mask, vote != 0, where);
}
inline int __any_sync(unsigned mask, int vote, simt::Where where = simt_where()) {
  return simt::ballot(mask, vote != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int vote, simt::Where where = simt_where()) {
  return simt::ballot(mask, vote != 0, where) == mask;
}

using std::max, std::min;
inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}

// --- CUDA's host functions

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorStubLibrary = 34,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorIllegalAddress = 700,
  cudaErrorStreamCaptureUnsupported = 900
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
struct cudaDeviceProp {
  char name[32];
  int major, minor, multiProcessorCount;
  size_t totalGlobalMem;
};
struct simt_stream;
using cudaStream_t = simt_stream*;
struct simt_event {};
inline simt_event simt_any_event;
using cudaEvent_t = simt_event*;
enum { cudaEventDisableTiming = 2 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
using cudaGraph_t = simt::Recorded*;
using cudaGraphExec_t = simt::Recorded*;

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorStubLibrary:
      return "CUDA driver is a stub library";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
  }
  return "unknown";
}
inline cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::driver_version;
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = simt::kRuntimeVersion;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (simt::driver_version < simt::kRuntimeVersion) return cudaErrorInsufficientDriver;
  *count = simt::device_count;
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}
inline cudaError_t cudaSetDevice(int device) {
  return device < simt::device_count ? cudaSuccess : cudaErrorInvalidDevice;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"SIMT emulator", simt::compute_capability / 10, simt::compute_capability % 10, simt::multiprocessors,
                 simt::kDeviceBytes};
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  *stream = nullptr;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) {
  return cudaSuccess;
}
// What the queue has met by itself is said to whoever waits for it next, as on a card.
inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
  if (simt::recording) return cudaErrorStreamCaptureUnsupported;
  simt::make_copies();
  return cudaError_t(std::exchange(simt::fault, 0));
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = &simt_any_event;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t) {
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t) {
  simt::make_copies();
  return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  if (simt::recording) return cudaErrorStreamCaptureUnsupported;
  simt::recording = new simt::Recorded;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = std::exchange(simt::recording, nullptr);
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new simt::Recorded(*graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  if (simt::recording) return cudaErrorStreamCaptureUnsupported;
  for (const auto& launch : *exec) launch();
  return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (simt::recording) return cudaErrorStreamCaptureUnsupported;
  *memory = simt::allocate(bytes);
  return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFree(void* memory) {
  simt::release(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(size_t* free, size_t* all) {
  *all = simt::kDeviceBytes;
  *free = simt::free_bytes();
  return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  *memory = simt::allocate_pinned(bytes);
  return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFreeHost(void* memory) {
  simt::release_pinned(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  simt::copy(to, from, bytes);
  return cudaSuccess;
}

namespace seedstory {

using Stream = cudaStream_t;

inline void check(cudaError_t error, const std::string& doing) {
  if (error == cudaSuccess) return;
  fail_resource("cuda: " + doing + ": " + cudaGetErrorString(error));
}

// --- Numbers

struct f16 {
  uint16_t bits;
};
struct bf16 {
  uint16_t bits;
};

inline float bf16_to_float(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
// The table is no kernel's memory.
__attribute__((no_sanitize("thread"))) inline float f16_to_float(uint16_t bits) {
  static const float* const table = [] {
    static float values[1 << 16];
    for (int i = 0; i < 1 << 16; ++i) {
      const int exponent = i >> 10 & 31, fraction = i & 1023;
      const float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                         : exponent == 0 ? std::ldexp(float(fraction), -24)
                                         : std::ldexp(float(1024 + fraction), exponent - 25);
      values[i] = i >> 15 ? -size : size;
    }
    return values;
  }();
  return table[bits];
}

inline float to_float(float x) {
  return x;
}
inline float to_float(f16 x) {
  return f16_to_float(x.bits);
}
inline float to_float(bf16 x) {
  return bf16_to_float(x.bits);
}

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (std::isnan(x)) return {uint16_t(bits >> 16 | 0x40)};
  return {uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
template <>
inline f16 from_float<f16>(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const float size = std::fabs(x);
  if (std::isnan(x)) return {uint16_t(sign | 0x7e00)};
  if (size >= 65520.0f) return {uint16_t(sign | 0x7c00)};
  int exponent = -14;  // of the last place's 2^10; subnormals share the smallest
  if (size >= 0x1p-14f) exponent = std::ilogb(size);
  const int places = int(std::nearbyint(std::ldexp(size, 10 - exponent)));  // ties to even; may carry into the exponent
  return {uint16_t(sign | (exponent == -14 ? places : ((exponent + 14) << 10) + places))};
}

template <class T>
uint32_t pack(float low, float high) {
  return from_float<T>(low).bits | uint32_t(from_float<T>(high).bits) << 16;
}

// To f32, and where that is inexact to the odd one of its two neighbours there: rounded again to fewer bits it is what
// x would be.
inline float round_to_odd(double x) {
  float near = float(x);
  if (double(near) == x || std::isnan(x) || std::isinf(near)) return near;
  if (std::fabs(double(near)) > std::fabs(x)) near = std::nextafter(near, 0.0f);
  uint32_t bits;
  std::memcpy(&bits, &near, 4);
  bits |= 1;
  std::memcpy(&near, &bits, 4);
  return near;
}
template <class T>
uint32_t fma_pair(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t d = 0;
  for (int shift : {0, 16}) {
    const auto number = [shift](uint32_t pair) { return double(to_float(T{uint16_t(pair >> shift)})); };
    d |= uint32_t(from_float<T>(round_to_odd(std::fma(number(a), number(b), number(c)))).bits) << shift;
  }
  return d;
}

template <uint32_t kBytes>
uint32_t permute_bytes(uint32_t low, uint32_t high) {
  static_assert((kBytes & ~0x7777u) == 0);
  const uint64_t all = uint64_t(high) << 32 | low;
  uint32_t picked = 0;
  for (int i = 0; i < 4; ++i) picked |= uint32_t(all >> (kBytes >> i * 4 & 7) * 8 & 255) << i * 8;
  return picked;
}

// As far off as the PTX ISA allows, up or down by the last bit of x.
inline float exp2_approx(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const float y = std::exp2(x) * (bits & 1 ? 1 + 0x1p-22f : 1 - 0x1p-22f);
  return y < 0x1p-126f ? 0 : y;
}

// --- Shared memory and launches

template <class S>
S& shared() {
  return *static_cast<S*>(simt::shared_memory());
}

// A type a kernel: the name of the type holds the kernel's.
template <auto kKernel>
struct SimtKernel {};

template <class S>
inline constexpr size_t kSimtSharedBytes = std::is_empty_v<S> ? 0 : sizeof(S);
template <class S, auto kKernel>
inline const bool simt_is_known = simt::know(typeid(SimtKernel<kKernel>).name(), kSimtSharedBytes<S>);

template <class S, auto kKernel, class... Args>
void simt_launch(dim3 grid, dim3 block, const Args&... args) {
  simt::make_copies();
  if (simt::instead_of_fibers) {
    const simt::Argument list[] = {{nullptr, 0}, {&args, sizeof(args)}...};
    return simt::instead_of_fibers(
        {typeid(SimtKernel<kKernel>).name(), grid, block, kSimtSharedBytes<S>, {list + 1, sizeof...(Args)}});
  }
  auto thread = [&] { kKernel(args...); };
  simt::run(
      grid, block, kSimtSharedBytes<S>, [](void* p) { (*static_cast<decltype(thread)*>(p))(); }, &thread,
      typeid(SimtKernel<kKernel>).name());
}

template <class S, auto kKernel, class... Args>
void launch(dim3 grid, dim3 block, Stream, const Args&... args) {
  (void)simt_is_known<S, kKernel>;
  if (simt::recording)
    simt::recording->push_back([grid, block, ... copies = args] { simt_launch<S, kKernel>(grid, block, copies...); });
  else
    simt_launch<S, kKernel>(grid, block, args...);
}

// The same for a kernel that is chosen at run time, as the emulator's own tests do. It runs on fibers whatever the
// switch says.
template <class S, class... Params, class... Args>
void launch(void (*kernel)(Params...), dim3 grid, dim3 block, Stream, const Args&... args) {
  auto thread = [&] { kernel(args...); };
  simt::run(
      grid, block, kSimtSharedBytes<S>, [](void* p) { (*static_cast<decltype(thread)*>(p))(); }, &thread, nullptr);
}

// --- The tensor cores and their feeding

inline void ldmatrix(uint32_t (&to)[4], const void* row, simt::Where where = simt_where()) {
  simt::load_matrices(to, row, false, where);
}
inline void ldmatrix_trans(uint32_t (&to)[4], const void* row, simt::Where where = simt_where()) {
  simt::load_matrices(to, row, true, where);
}

template <class T>
void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], simt::Where where = simt_where()) {
  simt::multiply_m16n8k16(d, a, b, std::is_same_v<T, f16>, where);
}

inline void mma_s8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const int32_t (&c)[4],
                   simt::Where where = simt_where()) {
  simt::multiply_m16n8k32(d, a, b, c, where);
}

inline void copy_async(void* to, const void* from, int bytes, simt::Where where = simt_where()) {
  simt::copy_async(to, from, bytes, where);
}
inline void copy_async_commit() {
  simt::copy_async_commit();
}
template <int kGroupsLeft>
void copy_async_wait() {
  simt::copy_async_wait(kGroupsLeft);
}

// --- Between blocks

inline uint32_t atomic_add(uint32_t* to, uint32_t by, simt::Where where = simt_where()) {
  return simt::atomic_add(to, by, where);
}
inline uint32_t load_acquire(const uint32_t* from, simt::Where where = simt_where()) {
  return simt::load_acquire(from, where);
}
inline void store_release(uint32_t* to, uint32_t value, simt::Where where = simt_where()) {
  simt::store_release(to, value, where);
}

// --- Memory in 16 bytes

// Moved as one word, also where a compiler would rather have its elements.
template <size_t kBytes>
struct Word;
template <>
struct Word<1> {
  using type = uint8_t;
};
template <>
struct Word<2> {
  using type = uint16_t;
};
template <>
struct Word<4> {
  using type = uint32_t;
};
template <>
struct Word<8> {
  using type = uint64_t;
};
template <>
struct Word<16> {
  using type = unsigned __int128;
};

template <class V>
V load_vec(const void* from, simt::Where where = simt_where()) {
  simt::need_aligned(from, sizeof(V), "load_vec", where);
  const auto word = *static_cast<const typename Word<sizeof(V)>::type*>(from);
  V value;
  std::memcpy(&value, &word, sizeof(V));
  return value;
}
template <class V>
void store_vec(void* to, const V& value, simt::Where where = simt_where()) {
  simt::need_aligned(to, sizeof(V), "store_vec", where);
  typename Word<sizeof(V)>::type word;
  std::memcpy(&word, &value, sizeof(V));
  *static_cast<decltype(word)*>(to) = word;
}

}  // namespace seedstory
