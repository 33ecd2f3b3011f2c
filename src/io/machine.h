// What the operating system says of the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace seedstory {

struct Machine {
  std::string cpu = "unknown";  // "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz"
  std::string instructions;     // of those that CPU backends look for: "avx2 fma avx512f"
};

// From /proc; what it does not say keeps its default.
Machine this_machine();

// Ticks of CPU time of all cores together, since the machine started.
struct CpuTimes {
  int64_t all = 0, idle = 0;
  int64_t stolen = 0;  // by the host of a virtual machine, for others
  int64_t own = 0;     // of this process
};
std::optional<CpuTimes> cpu_times();  // where /proc/stat says it

// What of the cores' time between two readings went elsewhere, from 0 to 1.
struct Load {
  double others = 0;  // other programs here
  double stolen = 0;
};
Load load_between(const CpuTimes& begin, const CpuTimes& end);

}  // namespace seedstory
