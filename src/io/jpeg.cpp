// ITU T.81: marks, 0xFF and a byte, most of them with a segment whose length follows; behind a scan's header its codes,
// in which 0xFF is followed by 0, by a restart mark, or by the mark that ends them.
//
// stb_image takes no mark that it does not know, notices no end that is missing, and goes on into whatever is behind
// the picture: films and more pictures, as phones write. So it gets a file that was put together anew from the segments
// that make the picture.
#include "io/jpeg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "io/exif.h"
#include "io/pixels.h"
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
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace seedstory {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const uint8_t>;

// A progressive picture has some ten scans. Each is a walk over all pixels, for as little as ten bytes of file: in all
// there may be a thousand walks over the largest picture, some ten seconds.
constexpr int64_t kMaxWork = 1000 * kMaxPixels;

enum Mark : uint8_t {
  kTables = 0xC4,  // DHT
  kReserved = 0xC8,
  kArithmetic = 0xCC,  // DAC
  kRestart0 = 0xD0,
  kRestart7 = 0xD7,
  kStart = 0xD8,
  kEnd = 0xD9,
  kScan = 0xDA,
  kQuantization = 0xDB,
  kRestartInterval = 0xDD,
  kApp0 = 0xE0,
  kApp1 = 0xE1,
  kApp14 = 0xEE,
  kApp15 = 0xEF,
  kComment = 0xFE,
  kLosslessFrame = 0xF7,  // of JPEG-LS, ITU T.87
};

bool is_restart(uint8_t mark) {
  return mark >= kRestart0 && mark <= kRestart7;
}

bool is_frame(uint8_t mark) {
  return (mark >= 0xC0 && mark <= 0xCF && mark != kTables && mark != kReserved && mark != kArithmetic) ||
         mark == kLosslessFrame;
}

// The other marks stand alone, or mean nothing.
bool has_segment(uint8_t mark) {
  return (mark >= 0xC0 && mark <= 0xCF && mark != kReserved) || (mark >= kScan && mark <= kApp15) ||
         mark == kLosslessFrame || mark == kComment;
}

// What makes no picture for stb_image, by the mark of its frame.
const char* unread_frame(uint8_t mark) {
  switch (mark) {
    case 0xC0:
    case 0xC1:
    case 0xC2:
      return nullptr;
    case 0xC3:
      return "a lossless JPEG, which is not read; this makes a PNG of it: ffmpeg -i IN OUT.png";
    case 0xC9:
    case 0xCA:
    case 0xCB:
      return "an arithmetic-coded JPEG, which is not read; this makes a PNG of it: convert IN -auto-orient OUT.png";
    case kLosslessFrame:
      return "a JPEG-LS picture, which is not read; this makes a PNG of it: ffmpeg -i IN OUT.png";
    default:
      return "a hierarchical JPEG, which is not read; save it as PNG";
  }
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Of a DHT segment: tables of at most 256 codes, behind which stb_image writes past its own array, and nothing after.
bool huffman_tables_fit(Bytes body) {
  constexpr size_t kHead = 17;  // which table, and how many codes of each length
  while (!body.empty()) {
    if (body.size() < kHead) return false;
    size_t codes = 0;
    for (size_t i = 1; i < kHead; ++i) codes += body[i];
    if (codes > 256 || codes > body.size() - kHead) return false;
    body = body.subspan(kHead + codes);
  }
  return true;
}

class JpegFile {
 public:
  JpegFile(Bytes bytes, const std::string& file) : bytes_(bytes), file_(file) {
    put_mark(kStart);
    read();
    check();
  }

  Picture decode() {
    Picture out;
    out.facts = {.kind = "JPEG", .orientation = orientation_};
    out.image = decode_with_tail(0);
    if (!ends_) need_all_codes(out.image);
    return out;
  }

 private:
  struct Component {
    uint8_t id;
    int across, down;  // blocks of an MCU
    // Bits of each coefficient that are yet to come; in the order of the file. 255: none has come.
    std::array<uint8_t, 64> missing;
  };

  // --- from mark to mark ---

  void read() {
    for (size_t at = 2; at < bytes_.size();) {
      // What lies between segments is passed over, as libjpeg does: padding, and bytes that should not be there.
      while (at < bytes_.size() && bytes_[at] != 0xFF) ++at;
      while (at < bytes_.size() && bytes_[at] == 0xFF) ++at;
      if (at >= bytes_.size()) return;
      const uint8_t mark = bytes_[at++];
      ends_ = mark == kEnd;
      if (ends_ || (mark == kStart && scans_ > 0)) return;  // another picture begins
      if (!has_segment(mark)) continue;
      const size_t length = at + 2 <= bytes_.size() ? size_t(bytes_[at]) << 8 | bytes_[at + 1] : 0;
      if (length > bytes_.size() - at || at + 2 > bytes_.size()) {
        cut_ = mark;
        return;
      }
      if (length < 2) fail_broken(fmt::format("a segment of {} bytes", length));
      segment(mark, bytes_.subspan(at + 2, length - 2));
      at += length;
      if (mark == kScan) at = codes(at);
    }
  }

  void segment(uint8_t mark, Bytes body) {
    if (is_frame(mark)) return frame(mark, body);
    if (mark == kScan) return scan(body);
    if (mark == kTables && !huffman_tables_fit(body)) fail_broken("bad Huffman table");
    if (mark == kRestartInterval && body.size() >= 2) restart_interval_ = body[0] << 8 | body[1];
    const bool exif = mark == kApp1 && text_of(body).starts_with("Exif\0\0"sv);
    if (exif && !has_exif_) orientation_ = exif_orientation(body);
    has_exif_ |= exif;
    const bool adobe = mark == kApp14 && text_of(body).starts_with("Adobe") && body.size() >= 12;
    if (adobe) adobe_transform_ = body[11];
    const bool jfif = mark == kApp0 && text_of(body).starts_with("JFIF\0"sv);
    if (mark == kTables || mark == kQuantization || mark == kRestartInterval || adobe || jfif) put(mark, body);
  }

  void frame(uint8_t mark, Bytes body) {
    constexpr size_t kHead = 6;
    if (const char* kind = unread_frame(mark)) fail_input(file_ + ": " + kind);
    if (!components_.empty()) fail_broken("two frames");
    const size_t count = body.size() < kHead ? 0 : body[5];
    if (count == 0 || body.size() != kHead + count * 3) fail_broken("a frame header that does not fit its length");
    height_ = body[1] << 8 | body[2];
    width_ = body[3] << 8 | body[4];
    if (body[0] != 8)
      fail_input(
          fmt::format("{}: a JPEG of {} bits a value, of which only those of 8 are read; this makes one: convert IN "
                      "-depth 8 OUT.png",
                      file_, body[0]));
    check_image_size(width_, height_, file_);
    for (size_t i = 0; i < count; ++i) {
      const Bytes own = body.subspan(kHead + i * 3, 3);
      Component component{.id = own[0], .across = own[1] >> 4, .down = own[1] & 15, .missing = {}};
      if (component.across < 1 || component.across > 4 || component.down < 1 || component.down > 4)
        fail_broken("a frame with sampling factors outside of 1 to 4");
      component.missing.fill(255);
      components_.push_back(component);
    }
    progressive_ = mark == 0xC2;
    put(mark, body);
  }

  void scan(Bytes body) {
    const size_t count = body.empty() ? 0 : body[0];
    if (components_.empty()) fail_broken("a scan before its frame");
    if (count == 0 || body.size() != 1 + count * 2 + 3) fail_broken("a scan header that does not fit its length");
    const Bytes range = body.last(3);
    const size_t first = progressive_ ? range[0] : 0, last = progressive_ ? range[1] : 63;
    if (last > 63) fail_broken("a scan of more than 64 coefficients");
    scan_.clear();
    for (size_t i = 0; i < count; ++i)
      for (Component& component : components_) {
        if (component.id != body[1 + i * 2]) continue;
        scan_.push_back(&component);
        for (size_t k = first; k <= last; ++k) component.missing[k] = progressive_ ? range[2] & 15 : 0;
      }
    ++scans_;
    put(kScan, body);
  }

  // The codes from `at` on, without padding and stray marks; where the next mark is.
  size_t codes(size_t at) {
    int64_t restarts = 0;
    size_t without_restarts = clean_.size();
    while (at < bytes_.size()) {
      const void* found = std::memchr(&bytes_[at], 0xFF, bytes_.size() - at);
      const size_t mark_at = found ? size_t(static_cast<const uint8_t*>(found) - bytes_.data()) : bytes_.size();
      clean_.append(text_of(bytes_.subspan(at, mark_at - at)));
      if (mark_at > at) without_restarts = clean_.size();
      at = mark_at;
      if (at + 1 >= bytes_.size()) {
        at = bytes_.size();
        break;
      }
      const uint8_t mark = bytes_[at + 1];
      if (mark == kEnd || mark == kStart || has_segment(mark)) break;
      if (mark == 0) {
        clean_ += "\xFF\0"sv;
        without_restarts = clean_.size();
      } else if (is_restart(mark) && restart_interval_ > 0) {
        put_mark(mark);
        ++restarts;
      }
      at += mark == 0xFF ? 1 : 2;
    }
    while (clean_.size() > without_restarts) {  // stray ones before the end mark
      clean_.resize(clean_.size() - 2);
      --restarts;
    }
    restarts_missing_ |= restart_interval_ > 0 && restarts < (mcus() + restart_interval_ - 1) / restart_interval_ - 1;
    return at;
  }

  // Of the last scan's header.
  int64_t mcus() const {
    const auto blocks = [](int64_t pixels, int64_t a_block) { return (pixels + a_block - 1) / a_block; };
    int across = 1, down = 1;
    for (const Component& component : components_) {
      across = std::max(across, component.across);
      down = std::max(down, component.down);
    }
    if (scan_.size() != 1) return blocks(width_, 8 * across) * blocks(height_, 8 * down);
    return blocks(blocks(int64_t(width_) * scan_[0]->across, across), 8) *
           blocks(blocks(int64_t(height_) * scan_[0]->down, down), 8);
  }

  // --- what may be missing ---

  void check() {
    if (components_.empty() && ends_) fail_broken("no picture in it");
    if (scans_ == 0)
      fail_broken(
          fmt::format("ends {} (truncated?)", cut_ ? fmt::format("inside its segment 0x{:02X}, before its pixels", cut_)
                                                   : "before its pixels"));
    if (components_.size() == 4)
      fail_input(
          fmt::format("{}: a {} JPEG, which is not read; this makes a PNG of it: convert IN -auto-orient "
                      "-colorspace sRGB OUT.png",
                      file_, adobe_transform_ == 2 ? "YCCK (CMYK)" : "CMYK"));
    if (components_.size() != 1 && components_.size() != 3)
      fail_broken(fmt::format("{} colour components, expected 1 or 3", components_.size()));
    if (int64_t(width_) * height_ * scans_ > kMaxWork)
      fail_input(fmt::format("{}: a JPEG of {} scans of {}x{} pixels, too much work", file_, scans_, width_, height_));
    if (ends_) return;
    drop_empty_tail();
    for (const Component& component : components_)
      if (std::any_of(component.missing.begin(), component.missing.end(), [](uint8_t bits) { return bits != 0; }))
        fail_broken("ends before its last scan (truncated?)");
    if (restarts_missing_) fail_broken("ends in the middle of a scan, before its last restart mark (truncated?)");
  }

  // Programs that load a file may make room for the whole of it first.
  void drop_empty_tail() {
    constexpr size_t kPadding = 16;
    const size_t end = clean_.find_last_not_of('\0') + 1;
    if (clean_.size() - end >= kPadding) clean_.resize(end);
  }

  // Without an end mark: are the codes of all pixels there? Then whatever follows them changes nothing. `picture` was
  // decoded with zeros behind them.
  void need_all_codes(const Image& picture) {
    for (const uint8_t tail : {0xAA, 0x92, 0xCC}) {
      Image other;
      try {
        other = decode_with_tail(tail);
      } catch (const Error&) {
        continue;  // its bits are no code
      }
      const auto [same, differs] = std::mismatch(picture.rgb.begin(), picture.rgb.end(), other.rgb.begin());
      if (same == picture.rgb.end()) return;
      fail_broken(fmt::format("ends in the middle: rows from {} on are missing, of {} (truncated?)",
                              (same - picture.rgb.begin()) / (picture.width * 3), picture.height));
    }
    fail_broken("ends in the middle of a scan (truncated?)");
  }

  // The picture, if its codes went on with bytes of this value.
  Image decode_with_tail(uint8_t tail) {
    constexpr size_t kTail = 4096;
    const size_t size = clean_.size();
    if (!ends_) clean_.append(kTail, char(tail));
    put_mark(kEnd);
    int width = 0, height = 0, components = 0;
    const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
        stbi_load_from_memory(reinterpret_cast<const uint8_t*>(clean_.data()), int(clean_.size()), &width, &height,
                              &components, 3),
        stbi_image_free);
    clean_.resize(size);
    if (!pixels) fail_broken(stbi_failure_reason());
    return {.width = width, .height = height, .rgb = {pixels.get(), pixels.get() + size_t(width) * size_t(height) * 3}};
  }

  // --- the file for stb_image ---

  void put_mark(uint8_t mark) {
    clean_ += '\xFF';
    clean_ += char(mark);
  }
  void put(uint8_t mark, Bytes body) {
    const size_t length = body.size() + 2;
    put_mark(mark);
    clean_ += char(length >> 8);
    clean_ += char(length & 255);
    clean_ += text_of(body);
  }

  [[noreturn]] void fail_broken(const std::string& why) const { fail_input(file_ + ": broken JPEG: " + why); }

  Bytes bytes_;
  const std::string& file_;
  std::string clean_;
  int width_ = 0, height_ = 0, scans_ = 0, restart_interval_ = 0, orientation_ = 1, adobe_transform_ = 0;
  uint8_t cut_ = 0;  // the mark of the segment in which the file ends
  bool ends_ = false, progressive_ = false, has_exif_ = false, restarts_missing_ = false;
  std::vector<Component> components_;
  std::vector<Component*> scan_;  // of the last scan
};

}  // namespace

bool is_jpeg(std::span<const uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == kStart && bytes[2] == 0xFF;
}

Picture decode_jpeg(std::span<const uint8_t> bytes, const std::string& file) {
  return JpegFile(bytes, file).decode();
}

}  // namespace seedstory
