// TIFF 6.0's header and its first directory: "II" or "MM", 42, where the directory begins; there a count of entries of
// 12 bytes: tag, type, number of values, the value or where it is.
#include "io/exif.h"

#include <cstring>
#include <string_view>

namespace seedstory {
namespace {

class Tiff {
 public:
  explicit Tiff(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool begins() {
    if (bytes_.size() < 8 || bytes_[0] != bytes_[1] || (bytes_[0] != 'I' && bytes_[0] != 'M')) return false;
    big_endian_ = bytes_[0] == 'M';
    return number(2, 2) == 42;
  }

  // Of bytes that are not there: 0.
  uint32_t number(size_t at, size_t length) const {
    if (at > bytes_.size() || length > bytes_.size() - at) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < length; ++i) value = value << 8 | bytes_[at + (big_endian_ ? i : length - 1 - i)];
    return value;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool big_endian_ = false;
};

}  // namespace

int exif_orientation(std::span<const uint8_t> bytes) {
  constexpr std::string_view kName("Exif\0\0", 6);
  constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  constexpr size_t kEntry = 12;
  if (bytes.size() >= kName.size() && std::memcmp(bytes.data(), kName.data(), kName.size()) == 0)
    bytes = bytes.subspan(kName.size());
  Tiff tiff(bytes);
  if (!tiff.begins()) return 1;
  const size_t directory = tiff.number(4, 4), entries = tiff.number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntry;
    if (tiff.number(entry, 2) != kOrientation) continue;
    const uint32_t type = tiff.number(entry + 2, 2);
    const uint32_t value = type == kShort ? tiff.number(entry + 8, 2) : type == kLong ? tiff.number(entry + 8, 4) : 0;
    return value >= 1 && value <= 8 ? int(value) : 1;
  }
  return 1;
}

}  // namespace seedstory
