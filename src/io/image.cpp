#include "io/image.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "io/file.h"
#include "io/png.h"
#include "seedstory/error.h"

// Zeroed: a JPEG may use a Huffman table that it never defined, and what lies in its place becomes an index.
#define STBI_MALLOC(bytes) std::calloc(1, bytes)
#define STBI_REALLOC(memory, bytes) std::realloc(memory, bytes)
#define STBI_FREE(memory) std::free(memory)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 16384
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace seedstory {
namespace {

// A progressive picture has some ten scans. Each is a walk over all pixels, for as little as ten bytes of file: in all
// there may be a thousand walks over the largest picture, some ten seconds. (What looks like a scan is counted: phones
// put films behind their pictures.)
constexpr int64_t kMaxWork = 1000 * kMaxPixels;

// What stb_image does not tell: how many colours there are. And what it does not check, or only in some versions: that
// a Huffman table has at most 256 codes, behind which it writes past its own array, and that the file goes on to its
// end; of one that was cut off it would make up the rest.
struct JpegFrame {
  int width = 0, height = 0, components = 0;
  bool tables_fit = true, ends = false;
  int scans = 0;
};

// The tables of a DHT segment whose length stands at `at`, read on as stb_image does where the length is wrong.
bool huffman_tables_fit(std::span<const uint8_t> bytes, size_t at) {
  if (at + 2 > bytes.size()) return false;
  int left = (bytes[at] << 8 | bytes[at + 1]) - 2;
  for (at += 2; left > 0;) {
    if (at + 17 > bytes.size()) return false;
    int codes = 0;
    for (size_t i = 1; i <= 16; ++i) codes += bytes[at + i];
    if (codes > 256) return false;
    at += 17 + size_t(codes);
    left -= 17 + codes;
  }
  return true;
}

// Segment by segment up to the first scan, which passes over thumbnails with tables of their own. From there mark by
// mark: in a scan 0xFF is followed by 0 or a restart mark, so no table can stand there by chance.
JpegFrame scan_jpeg(std::span<const uint8_t> bytes) {
  JpegFrame frame;
  size_t at = 2;
  bool in_scan = false;
  while (at + 4 <= bytes.size() && bytes[at] == 0xFF && !in_scan) {
    const uint8_t mark = bytes[at + 1];
    if (mark == 0xFF) {  // padding
      ++at;
      continue;
    }
    const bool is_frame = mark >= 0xC0 && mark <= 0xCF && mark != 0xC4 && mark != 0xC8 && mark != 0xCC;
    if (is_frame && frame.components == 0 && at + 10 <= bytes.size()) {
      frame.height = bytes[at + 5] << 8 | bytes[at + 6];
      frame.width = bytes[at + 7] << 8 | bytes[at + 8];
      frame.components = bytes[at + 9];
    }
    if (mark == 0xC4) frame.tables_fit &= huffman_tables_fit(bytes, at + 2);
    in_scan = mark == 0xDA;
    frame.scans += in_scan;
    at += 2 + (size_t(bytes[at + 2]) << 8 | bytes[at + 3]);
  }
  for (; at + 2 <= bytes.size(); ++at) {
    if (bytes[at] == 0xFF && bytes[at + 1] == 0xC4) frame.tables_fit &= huffman_tables_fit(bytes, at + 2);
    if (bytes[at] == 0xFF && bytes[at + 1] == 0xD9) frame.ends = true;
    if (bytes[at] == 0xFF && bytes[at + 1] == 0xDA) ++frame.scans;
  }
  return frame;
}

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& file) {
  const JpegFrame frame = scan_jpeg(bytes);
  if (frame.components == 0) fail_input(file + ": broken JPEG: no picture in it");
  check_image_size(frame.width, frame.height, file);
  if (frame.components == 4) fail_input(file + ": a CMYK JPEG; save it as RGB first");
  if (!frame.tables_fit) fail_input(file + ": broken JPEG: bad Huffman table");
  if (int64_t(frame.width) * frame.height * frame.scans > kMaxWork)
    fail_input(fmt::format("{}: a JPEG of {} scans of {}x{} pixels, too much work", file, frame.scans, frame.width,
                           frame.height));
  if (!frame.ends) fail_input(file + ": broken JPEG: ends in the middle (truncated?)");
  int width = 0, height = 0, components = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), int(bytes.size()), &width, &height, &components, 3), stbi_image_free);
  if (!pixels) fail_input(fmt::format("{}: broken JPEG: {}", file, stbi_failure_reason()));
  return {.width = width, .height = height, .rgb = {pixels.get(), pixels.get() + size_t(width) * size_t(height) * 3}};
}

}  // namespace

Image read_image(const std::filesystem::path& path) {
  constexpr size_t kMaxFileBytes = 1 << 30;  // stb_image counts in int
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxFileBytes)
    fail_input(fmt::format("{}: {} bytes, too long for a picture", path.string(), bytes.size()));
  if (is_png(bytes)) return decode_png(bytes, path.string());
  if (bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF)
    return decode_jpeg(bytes, path.string());
  fail_input(path.string() + ": neither a PNG nor a JPEG file");
}

}  // namespace seedstory
