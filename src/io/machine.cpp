// What /proc says of the processor and its load.
#include "io/machine.h"

#include <sys/times.h>

#include <algorithm>
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

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
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
  return m;
}

std::optional<CpuTimes> cpu_times() {
  // user nice system idle iowait irq softirq steal; guests' time is in user and nice already
  std::istringstream line(first_line("/proc/stat"));
  std::string name;
  int64_t ticks[8] = {};
  line >> name;
  for (int64_t& t : ticks) line >> t;
  if (name != "cpu" || !line) return std::nullopt;
  CpuTimes times{.idle = ticks[3] + ticks[4], .stolen = ticks[7]};
  for (const int64_t t : ticks) times.all += t;
  struct tms own {};
  ::times(&own);
  times.own = own.tms_utime + own.tms_stime;
  return times;
}

Load load_between(const CpuTimes& begin, const CpuTimes& end) {
  const auto all = double(end.all - begin.all), stolen = double(end.stolen - begin.stolen);
  if (all <= 0) return {};
  const double idle = double(end.idle - begin.idle), own = double(end.own - begin.own);
  return {.others = std::clamp((all - idle - stolen - own) / all, 0.0, 1.0),
          .stolen = std::clamp(stolen / all, 0.0, 1.0)};
}

}  // namespace seedstory
