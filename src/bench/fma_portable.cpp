// The loop of multiply-adds in what every processor of the architecture has.
#include "bench/fma_loop.h"

namespace seedstory {

using Register = float __attribute__((vector_size(16)));

const FmaLoop kPortableFma = kFmaLoop<Register>;

}  // namespace seedstory
