// The kernels in AVX2.
#include "cpu/simd/kernels_of.h"
#include "cpu/simd/lanes_avx2.h"

namespace seedstory::cpu {

constinit const Kernels kAvx2Kernels = kernels_of<avx2::Lanes>(CpuSet::avx2, kAvx2Int8);

}  // namespace seedstory::cpu
