// The kernels in AVX-512.
#include "cpu/simd/kernels_of.h"
#include "cpu/simd/lanes_avx512.h"

namespace seedstory::cpu {

constinit const Kernels kAvx512Kernels = kernels_of<avx512::Lanes>(CpuSet::avx512, kAvx2Int8);

}  // namespace seedstory::cpu
