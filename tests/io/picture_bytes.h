// Pieces of picture files, put together by hand.
#pragma once

#include <webp/encode.h>

#include <string>

#include "io/image.h"
#include "io/png_chunk.h"

namespace seedstory {

// TIFF's bytes with one entry, the orientation.
inline std::string exif_bytes(int orientation, bool big_endian) {
  using namespace std::string_literals;
  if (big_endian) return "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + char(orientation) + "\0\0\0\0\0\0"s;
  return "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s + char(orientation) + "\0\0\0\0\0\0\0"s;
}

// A JPEG file with one more segment at its beginning.
inline std::string with_segment(const std::string& jpeg, int mark, const std::string& body) {
  const size_t length = body.size() + 2;
  return jpeg.substr(0, 2) + "\xFF" + char(mark) + char(length >> 8) + char(length & 255) + body + jpeg.substr(2);
}

inline std::string jpeg_with_exif(const std::string& jpeg, const std::string& exif) {
  return with_segment(jpeg, 0xE1, std::string("Exif\0\0", 6) + exif);
}

// A PNG file with one more chunk behind its header.
inline std::string with_chunk(std::string png, const std::string& kind, const std::string& data) {
  return png.insert(33, png_chunk(kind, data));
}

// A lossless WebP file of RGBA values; `exif` not empty: in the extended form, with that chunk.
inline std::string webp_bytes(int width, int height, const std::vector<uint8_t>& rgba, const std::string& exif = "",
                              int flags = 0) {
  const auto little_endian = [](size_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += char(value >> (8 * i));
    return out;
  };
  const auto chunk = [&](const std::string& kind, const std::string& data) {
    return kind + little_endian(data.size(), 4) + data + std::string(data.size() % 2, '\0');
  };
  uint8_t* encoded = nullptr;
  const size_t size = WebPEncodeLosslessRGBA(rgba.data(), width, height, width * 4, &encoded);
  std::string whole(reinterpret_cast<const char*>(encoded), size);
  WebPFree(encoded);
  if (exif.empty() && flags == 0) return whole;
  const std::string head = char((exif.empty() ? 0 : 0x08) | flags | 0x10) + little_endian(0, 3) +
                           little_endian(size_t(width - 1), 3) + little_endian(size_t(height - 1), 3);
  const std::string body = "WEBP" + chunk("VP8X", head) + whole.substr(12) + (exif.empty() ? "" : chunk("EXIF", exif));
  return "RIFF" + little_endian(body.size(), 4) + body;
}

}  // namespace seedstory
