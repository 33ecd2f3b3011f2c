// The loop of multiply-adds in AVX2.
#include "bench/fma_loop.h"

namespace seedstory {

using Register = float __attribute__((vector_size(32)));

const FmaLoop kAvx2Fma = kFmaLoop<Register>;

}  // namespace seedstory
