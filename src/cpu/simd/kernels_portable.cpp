// The kernels in plain C++, for processors without AVX2.
#include "cpu/simd/kernels_of.h"
#include "cpu/simd/lanes_portable.h"

namespace seedstory::cpu {

constinit const Kernels kPortableKernels = kernels_of<portable::Lanes>(CpuSet::portable, kPortableInt8);

}  // namespace seedstory::cpu
