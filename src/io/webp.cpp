// RIFF: "RIFF", how many bytes follow, "WEBP", then chunks of a name, a length and the data, padded to an even length.
#include "io/webp.h"

#include <fmt/format.h>
#include <webp/decode.h>

#include <cstring>

#include "io/exif.h"
#include "io/pixels.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

constexpr size_t kRiffHead = 12, kChunkHead = 8;

size_t little_endian(const uint8_t* bytes) {
  return bytes[0] | size_t(bytes[1]) << 8 | size_t(bytes[2]) << 16 | size_t(bytes[3]) << 24;
}

int orientation_of(std::span<const uint8_t> riff) {
  for (size_t at = kRiffHead; at + kChunkHead <= riff.size();) {
    const size_t length = little_endian(&riff[at + 4]);
    if (length > riff.size() - at - kChunkHead) break;
    if (std::memcmp(&riff[at], "EXIF", 4) == 0) return exif_orientation(riff.subspan(at + kChunkHead, length));
    at += kChunkHead + length + length % 2;
  }
  return 1;
}

}  // namespace

bool is_webp(std::span<const uint8_t> bytes) {
  return bytes.size() >= kRiffHead && std::memcmp(bytes.data(), "RIFF", 4) == 0 &&
         std::memcmp(bytes.data() + 8, "WEBP", 4) == 0;
}

Picture decode_webp(std::span<const uint8_t> bytes, const std::string& file, Pixels pixels) {
  const size_t said = little_endian(&bytes[4]) + 8;
  if (said > bytes.size())
    fail_input(fmt::format("{}: broken WebP: {} bytes, its head says {} (truncated?)", file, bytes.size(), said));
  bytes = bytes.first(said);
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK)
    fail_input(file + ": broken WebP: no picture in it");
  check_image_size(features.width, features.height, file);
  if (features.has_animation)
    fail_input(file + ": an animated WebP, which is not read; this takes its first picture: convert 'IN[0]' OUT.png");

  Picture out;
  out.facts = {.kind = "WebP", .orientation = orientation_of(bytes)};
  const bool alpha = features.has_alpha && pixels == Pixels::shown;
  const int row_bytes = features.width * (alpha ? 4 : 3);
  out.image = {.width = features.width, .height = features.height, .rgb = {}};
  std::vector<uint8_t>& values = out.image.rgb;
  values.resize(size_t(row_bytes) * size_t(features.height));
  const auto decode = alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (!decode(bytes.data(), bytes.size(), values.data(), values.size(), row_bytes))
    fail_input(file + ": broken WebP: its pixels cannot be decoded (truncated?)");
  if (alpha) out.facts.transparent = put_on_white(values);
  return out;
}

}  // namespace seedstory
