// A PNG chunk whose checksum is right, whatever is in it.
#pragma once

#include <cstdint>
#include <string>

namespace seedstory {

inline std::string png_chunk(const std::string& kind, const std::string& data) {
  uint32_t crc = 0xFFFFFFFF;
  for (unsigned char c : kind + data) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  const auto big_endian = [](uint32_t value) {
    return std::string{char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
  };
  return big_endian(uint32_t(data.size())) + kind + data + big_endian(~crc);
}

}  // namespace seedstory
