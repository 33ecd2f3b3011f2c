#include "cpu/kernels_of.h"
#include "cpu/lanes_avx2.h"

namespace seedstory::cpu {

constinit const Kernels kAvx2Kernels = kernels_of<avx2::Lanes>("avx2");

}  // namespace seedstory::cpu
