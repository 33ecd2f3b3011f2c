// What the operating system says of the machine.
#pragma once

#include <string>

namespace seedstory {

struct Machine {
  std::string cpu = "unknown";  // "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz"
  std::string instructions;     // of those that CPU backends look for: "avx2 fma avx512f"
  int cores = 1;                // that this process may use
};

// From /proc; what it does not say keeps its default.
Machine this_machine();

}  // namespace seedstory
