// How much of a mapped file this process has in its memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace seedstory {

// By /proc/self/smaps, where a mapping's line ends in its file and "Rss:" follows it.
inline int64_t resident_bytes(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/smaps");
  const std::string name = std::filesystem::canonical(file).string();
  int64_t kib = 0;
  bool is_in_file = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string first;
    int64_t number = 0;
    words >> first;
    if (!first.ends_with(':'))
      is_in_file = line.ends_with(" " + name);
    else if (is_in_file && first == "Rss:" && words >> number)
      kib += number;
  }
  return kib << 10;
}

}  // namespace seedstory
