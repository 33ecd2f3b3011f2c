// The loop of multiply-adds in AVX-512.
#include "bench/fma_loop.h"

namespace seedstory {

using Register = float __attribute__((vector_size(64)));

const FmaLoop kAvx512Fma = kFmaLoop<Register>;

}  // namespace seedstory
