// Device memory: which allocation an address belongs to, and who touched its bytes last. Only the emulator uses it.
#pragma once

#include <cstddef>

#include "races.h"

namespace simt {

struct Allocation {
  char* begin = nullptr;
  size_t bytes = 0;
  Shadow shadow;
};
// Null where p is not device memory.
Allocation* find_allocation(const void* p);

// Nobody has touched anything.
void clear_shadows();

}  // namespace simt
