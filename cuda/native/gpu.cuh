// The CUDA our kernels are written in: CUDA's headers, and a name with a sentence for every instruction that C++ does
// not have. No other file includes CUDA's headers or shows assembly, so tests/simt/gpu.cuh, which has the same names on
// the host, can stand in for this one and run the very same .cu files without a GPU.
//
// A kernel may use, of CUDA itself: threadIdx and its kin, __syncthreads, __syncwarp, __shfl_*_sync, __ballot_sync,
// __any_sync, __all_sync, and float math (no -ffast-math, no __expf). What else it needs gets a name here and there.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "seedstory/error.h"

namespace seedstory {

using Stream = cudaStream_t;

// What CUDA's host functions return: "cuda: allocate 5368709120 bytes: out of memory".
inline void check(cudaError_t error, const std::string& doing) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // said once is enough
  fail_resource("cuda: " + doing + ": " + cudaGetErrorString(error));
}

// --- Numbers. The two short types have no arithmetic of their own here: to f32, compute, round once.

using f16 = __half;
using bf16 = __nv_bfloat16;

__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(f16 x) {
  return __half2float(x);
}
__device__ inline float to_float(bf16 x) {
  return __bfloat162float(x);
}

// Rounds to nearest, ties to even.
template <class T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline f16 from_float<f16>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ inline bf16 from_float<bf16>(float x) {
  return __float2bfloat16_rn(x);
}

// Both rounded, as one register: `low` in its lower half. One instruction, where two from_float take three.
template <class T>
__device__ uint32_t pack(float low, float high);
template <>
__device__ inline uint32_t pack<f16>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, 4);
  return bits;
}
template <>
__device__ inline uint32_t pack<bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, 4);
  return bits;
}

// Of two pairs, each a register as pack() makes one: a b + c, rounded once. T is f16 or bf16.
template <class T>
__device__ uint32_t fma_pair(uint32_t a, uint32_t b, uint32_t c);
template <>
__device__ inline uint32_t fma_pair<f16>(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t d;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
template <>
__device__ inline uint32_t fma_pair<bf16>(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}

// Of the 8 bytes of low and high, which are numbers 0 to 7 from low's lowest on, those four that kBytes names in its
// digits, the last digit first: permute_bytes<0x4140>(x, y) is y's lowest, x's second, y's lowest, x's lowest.
template <uint32_t kBytes>
__device__ uint32_t permute_bytes(uint32_t low, uint32_t high) {
  static_assert((kBytes & ~0x7777u) == 0);
  uint32_t d;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(low), "r"(high), "n"(kBytes));
  return d;
}

// 2^x to a relative error of 2^-22; 0 where that is less than 2^-126, and at -inf. One instruction: for softmax, whose
// weights below 2^-126 of the largest do not count. Elsewhere exp2f.
__device__ inline float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// --- Shared memory and launches

// The block's shared memory, seen as the kernel's one struct S; undefined until written.
template <class S>
__device__ S& shared() {
  extern __shared__ __align__(1024) unsigned char block_memory[];
  return *reinterpret_cast<S*>(block_memory);
}

// Starts kKernel<<<grid, block>>>(args...) with room for one S a block; an empty S takes none. The kernel is a template
// argument, so that its name is known where its PTX is run in its place (tests/ptx).
template <class S, auto kKernel, class... Args>
void launch(dim3 grid, dim3 block, Stream stream, const Args&... args) {
  constexpr size_t shared_bytes = std::is_empty_v<S> ? 0 : sizeof(S);
  if constexpr (shared_bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)),
          std::to_string(shared_bytes) + " bytes of shared memory");
  kKernel<<<grid, block, shared_bytes, stream>>>(args...);
  check(cudaGetLastError(), "launch");
}

// --- The tensor cores and their feeding

// Four 8x8 matrices of two-byte elements from shared memory into registers: lane i gives the address of row i % 8 of
// matrix i / 8, and gets of each matrix elements 2 (lane % 4) and + 1 of row lane / 4. That is what mma wants of a
// matrix whose k is contiguous. Who calls: the whole warp. The rows of one matrix should fall into different banks.
__device__ inline void ldmatrix(uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(uint32_t(__cvta_generic_to_shared(row)))
               : "memory");
}

// The same with each matrix transposed on the way: for a matrix whose k is not the contiguous axis.
__device__ inline void ldmatrix_trans(uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(uint32_t(__cvta_generic_to_shared(row)))
               : "memory");
}

// d <- a b + d over the warp: a is 16x16, b 16x8, d 16x8 in f32. With g = lane / 4 and p = 2 (lane % 4), a lane holds
//   a[0..3]  pairs at (g, p), (g + 8, p), (g, p + 8), (g + 8, p + 8)      row, k
//   b[0..1]  pairs at (p, g), (p + 8, g)                                  k, column
//   d[0..3]  (g, p), (g, p + 1), (g + 8, p), (g + 8, p + 1)               row, column
template <class T>
__device__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

template <>
__device__ inline void mma<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ inline void mma<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// d <- a b + c over the warp in int8: a is 16x32, b 32x8, d and c 16x8 in s32, exact while they fit. A lane holds of d
// and c what it does above, and with q = 4 (lane % 4)
//   a[0..3]  fours at (g, q), (g + 8, q), (g, q + 16), (g + 8, q + 16)    row, k
//   b[0..1]  fours at (q, g), (q + 16, g)                                 k, column
// so that ldmatrix brings them too. c has registers of its own: a sum may begin at a constant without copies of it.
__device__ inline void mma_s8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const int32_t (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%10, %11, %12, %13};"
      : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]));
}

// Starts to bring 16 bytes from device to shared memory, past the registers: the first `bytes` are read, the rest is
// zero. Both addresses are multiples of 16. Until the thread has waited, `to` is undefined; until it has also met the
// others at a barrier, it is undefined for them.
__device__ inline void copy_async(void* to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(uint32_t(__cvta_generic_to_shared(to))), "l"(from),
               "r"(bytes)
               : "memory");
}
// Closes a group: everything this thread has started since the last commit.
__device__ inline void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most the kGroupsLeft youngest of this thread's groups are still on their way.
template <int kGroupsLeft>
__device__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
}

// --- Between blocks, in device memory. Each of these is also a fence: what this thread, and those that it has met at a
// barrier, wrote before a release is there for whoever acquires it, and for those that the acquiring thread meets at a
// barrier afterwards. A block may wait for another one only where the card holds both at once.

// Adds, and returns what was there before: acquires and releases.
__device__ inline uint32_t atomic_add(uint32_t* to, uint32_t by) {
  uint32_t before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(__cvta_generic_to_global(to)), "r"(by)
               : "memory");
  return before;
}
// To poll: while (load_acquire(flag) == 0) {}
__device__ inline uint32_t load_acquire(const uint32_t* from) {
  uint32_t value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(__cvta_generic_to_global(from)) : "memory");
  return value;
}
__device__ inline void store_release(uint32_t* to, uint32_t value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(to)), "r"(value) : "memory");
}

// --- Memory in one access: V is as long as its alignment, 16 bytes at most, and so must the address be aligned.

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
  using type = uint4;
};

template <class V>
__device__ V load_vec(const void* from) {
  static_assert(sizeof(V) == alignof(V));
  const auto word = *static_cast<const typename Word<sizeof(V)>::type*>(from);
  V value;
  memcpy(&value, &word, sizeof(V));
  return value;
}
// nvcc 13 forgets the alignment and stores in the pieces that the words were made of. So the store of 16 bytes is
// spelled out, and of a word of 8 it is not told what it was made of.
template <class V>
__device__ void store_vec(void* to, const V& value) {
  static_assert(sizeof(V) == alignof(V));
  typename Word<sizeof(V)>::type word;
  memcpy(&word, &value, sizeof(V));
  if constexpr (sizeof(V) == 16)
    asm volatile("st.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(word.x), "r"(word.y), "r"(word.z), "r"(word.w)
                 : "memory");
  else {
    if constexpr (sizeof(V) == 8) asm("" : "+l"(word));
    *static_cast<decltype(word)*>(to) = word;
  }
}

}  // namespace seedstory
