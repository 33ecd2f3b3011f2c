// Quotas of control groups, version 1 and 2.
#include "cpu/runtime/control_group.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>
#include <thread>

namespace seedstory::cpu {
namespace {

namespace fs = std::filesystem;

// A number of a group's file, the index-th word; -1: no such file, or another word, as "max".
int64_t number(const fs::path& file, int index = 0) {
  std::ifstream in(file);
  std::string skipped;
  for (; index > 0; --index) in >> skipped;
  int64_t value = -1;
  return in >> value ? value : -1;
}

// visit(folder) for the process's group of this controller and for each one above it: a limit there holds here too.
template <class Visit>
void for_groups(const fs::path& root, const std::string& controller, Visit&& visit) {
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "4:cpu,cpuacct:/a/b" in version 1, "0::/a/b" in version 2
    const size_t names = line.find(':') + 1, path = line.find(':', names) + 1;
    if (names == 0 || path == 0) continue;
    const std::string controllers = line.substr(names, path - names - 1);
    const bool is_2 = controllers.empty();
    if (!is_2 && ("," + controllers + ",").find("," + controller + ",") == std::string::npos) continue;
    const fs::path mounts = root / "sys/fs/cgroup";
    for (const fs::path& mount :
         {is_2 ? mounts : mounts / controllers, is_2 ? mounts / "unified" : mounts / controller}) {
      std::error_code missing;
      if (!fs::is_directory(mount, missing)) continue;
      fs::path group = fs::path(line.substr(path)).relative_path();
      for (;; group = group.parent_path()) {
        visit(mount / group);
        if (group.empty()) break;
      }
      break;
    }
  }
}

}  // namespace

GroupLimits::GroupLimits(const fs::path& root)
    : free_bytes(std::numeric_limits<int64_t>::max()), cores(std::numeric_limits<double>::infinity()) {
  for_groups(root, "memory", [&](const fs::path& group) {
    const auto take = [&](const char* most_name, const char* used_name) {
      const int64_t most = number(group / most_name), used = number(group / used_name);
      if (most >= 0 && used >= 0) free_bytes = std::min(free_bytes, std::max<int64_t>(most - used, 0));
    };
    take("memory.max", "memory.current");
    take("memory.limit_in_bytes", "memory.usage_in_bytes");
  });
  for_groups(root, "cpu", [&](const fs::path& group) {
    const auto take = [&](int64_t quota, int64_t period) {
      if (quota > 0 && period > 0) cores = std::min(cores, double(quota) / double(period));
    };
    take(number(group / "cpu.max"), number(group / "cpu.max", 1));
    take(number(group / "cpu.cfs_quota_us"), number(group / "cpu.cfs_period_us"));
  });
}

int usable_cores(const fs::path& root) {
  auto cores = int(std::max(1u, std::thread::hardware_concurrency()));
  if (cpu_set_t mine; ::sched_getaffinity(0, sizeof mine, &mine) == 0) cores = std::max(1, CPU_COUNT(&mine));
  return int(std::clamp(std::ceil(GroupLimits(root).cores), 1.0, double(cores)));
}

}  // namespace seedstory::cpu
