// "49152 linear<f16, Tile<16, 64, 16, 16>, true>": the shared memory of every launch that the backend can make.
#include <cstdio>

#include "../../cuda/cuda_backend.h"
#include "program.h"
#include "simt.h"

int main() {
  seedstory::make_cuda_backend();  // links the kernels in
  for (const simt::Known& kernel : simt::known_kernels())
    std::printf("%zu %s\n", kernel.shared_bytes, ptx::kernel_name(kernel.name).c_str());
}
