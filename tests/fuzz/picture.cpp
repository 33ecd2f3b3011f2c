// A PNG, JPEG or WebP file, its pixels and its texts.
//
// A PNG's chunks have checksums that no fuzzer guesses. The bytes are read as they are, and again with checksums that
// are right.
#include <string>

#include "fuzz.h"
#include "io/image.h"
#include "io/png_chunk.h"

using namespace seedstory;

namespace {

std::string with_checksums(std::string png) {
  const auto big_endian = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | uint8_t(png[at + i]);
    return value;
  };
  for (size_t at = 8; at + 12 <= png.size();) {
    const size_t length = big_endian(at);
    if (length > png.size() - at - 12) break;
    const std::string kind = png.substr(at + 4, 4);
    png.replace(at, length + 12, png_chunk(kind, png.substr(at + 8, length)));
    at += length + 12;
  }
  return png;
}

void read(std::string_view bytes) {
  const MemoryFile file(bytes);
  take_or_refuse([&] { read_image(file.path()); });
  take_or_refuse([&] { read_png_text(file.path()); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = text_of(data, size);
  read(bytes);
  if (bytes.starts_with("\x89PNG")) read(with_checksums(std::string(bytes)));
  return 0;
}
