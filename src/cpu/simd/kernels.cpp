// Which sets of kernels this processor has, the best first.
#include "cpu/simd/kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace seedstory::cpu {
namespace {

// Clang 14 does not know "f16c".
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

bool has_avx512_vnni() {
  return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

bool has_avx512_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

// Intel's processors take two cycles for a dot product of pairs, in which they do four f32 multiply-adds as wide: half
// the arithmetic (docs/decisions/0007-bf16-arithmetic.md).
bool has_slow_pairs() {
  return __builtin_cpu_is("intel");
}

// Tiles are state that the kernel has to save: the processor has them, the system keeps them, and this process may.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kTile = 1u << 24, kBf16 = 1u << 22, kOsXsave = 1u << 27, kTileState = 3u << 17;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (kTile | kBf16)) != (kTile | kBf16)) return false;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsXsave)) return false;
  asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(2)
  return (a & kTileState) == kTileState && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Kernels with_pairs(Kernels kernels, CpuSet set, const Bf16Kernels& bf16x2) {
  kernels.set = set;
  kernels.bf16x2 = &bf16x2;
  return kernels;
}

Kernels with_int8(Kernels kernels, CpuSet set, const Int8Kernels& int8) {
  kernels.set = set;
  kernels.int8 = &int8;
  return kernels;
}

}  // namespace

const std::vector<const Kernels*>& kernel_sets() {
  static const Kernels avx512 =
      has_avx512_vnni() ? with_int8(kAvx512Kernels, CpuSet::avx512, kAvx512VnniInt8) : kAvx512Kernels;
  static const Kernels avx512_bf16 = with_pairs(avx512, CpuSet::avx512_bf16, kAvx512Bf16);
  static const Kernels amx = with_pairs(avx512, CpuSet::amx, kAmxBf16);
  static const Kernels avx_vnni = with_int8(kAvx2Kernels, CpuSet::avx_vnni, kAvxVnniInt8);
  static const auto sets = [] {
    std::vector<const Kernels*> list;
    if (has_avx512_bf16() && has_amx()) list.push_back(&amx);
    if (has_avx512_bf16() && !has_slow_pairs()) list.push_back(&avx512_bf16);
    if (has_avx512()) list.push_back(&avx512);
    if (has_avx512_bf16() && has_slow_pairs()) list.push_back(&avx512_bf16);
    if (has_avx_vnni()) list.push_back(&avx_vnni);
    if (has_avx2()) list.push_back(&kAvx2Kernels);
    list.push_back(&kPortableKernels);
    return list;
  }();
  return sets;
}

}  // namespace seedstory::cpu
