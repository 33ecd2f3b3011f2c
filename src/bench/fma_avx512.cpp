#include "bench/fma_loop.h"

namespace seedstory {

using Register = float __attribute__((vector_size(64)));

const FmaLoop kAvx512Fma{.run = fma_loop<Register>, .lanes = sizeof(Register) / sizeof(float)};

}  // namespace seedstory
