#include "cpu/kernels.h"

namespace seedstory::cpu {

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

const Kernels& kernels() {
  static const Kernels& chosen = has_avx512() ? kAvx512Kernels : has_avx2() ? kAvx2Kernels : kPortableKernels;
  return chosen;
}

}  // namespace seedstory::cpu
