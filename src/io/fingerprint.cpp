#include "io/fingerprint.h"

#include <fmt/format.h>

namespace seedstory {

void Fingerprint::add(const void* data, size_t bytes) {
  const auto* byte = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ byte[i]) * 0x100000001b3;
}

std::string Fingerprint::hex() const {
  return fmt::format("{:016x}", hash_);
}

}  // namespace seedstory
