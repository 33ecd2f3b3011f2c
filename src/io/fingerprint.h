// Tells files and pictures apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seedstory {

// FNV-1a, 64 bits; no protection against anybody.
class Fingerprint {
 public:
  void add(const void* data, size_t bytes);
  void add(std::string_view text) { add(text.data(), text.size()); }
  std::string hex() const;

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace seedstory
