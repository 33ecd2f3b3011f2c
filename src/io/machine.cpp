#include "io/machine.h"

#include <sched.h>

#include <fstream>
#include <sstream>

namespace seedstory {
namespace {

// What stands behind the first ':' of the first line that begins with `name`.
std::string field(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (const size_t colon = line.find(':'); line.starts_with(name) && colon != std::string::npos) {
      const size_t begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  return "";
}

std::string known_instructions(const std::string& flags) {
  std::istringstream words(flags);
  std::string known;
  for (std::string word; words >> word;)
    for (const char* used : {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16",
                             "avx512_vnni", "amx_tile", "amx_bf16"})
      if (word == used) known += (known.empty() ? "" : " ") + word;
  return known;
}

}  // namespace

Machine this_machine() {
  Machine m;
  if (const std::string cpu = field("/proc/cpuinfo", "model name"); !cpu.empty()) m.cpu = cpu;
  m.instructions = known_instructions(field("/proc/cpuinfo", "flags"));
  if (cpu_set_t mine; sched_getaffinity(0, sizeof mine, &mine) == 0) m.cores = CPU_COUNT(&mine);
  return m;
}

}  // namespace seedstory
