// PNG by libpng: errors come by longjmp, and none of them crosses a destructor.
#include "io/png.h"

#include <fmt/format.h>
#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstring>
#include <optional>
#include <string_view>

#include "io/exif.h"
#include "io/file.h"
#include "io/pixels.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

constexpr size_t kMaxTextBytes = 1 << 20;
constexpr int kMaxTexts = 100;
constexpr char kEndsEarly[] = "ends in the middle (truncated?)";

// libpng reports an error by longjmp, which must not cross a C++ object with a destructor. So: the functions below
// named *_or_jump hold only plain values, everything that owns lives in the callers, and the message lives here.
struct Session {
  std::span<const uint8_t> in;
  size_t at = 0;
  std::string* out = nullptr;
  char message[160] = "";
};

void on_error(png_structp png, png_const_charp message) {
  auto* session = static_cast<Session*>(png_get_error_ptr(png));
  std::snprintf(session->message, sizeof session->message, "%s", message);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep data, size_t length) {
  auto* session = static_cast<Session*>(png_get_io_ptr(png));
  if (length > session->in.size() - session->at) png_error(png, kEndsEarly);
  std::memcpy(data, session->in.data() + session->at, length);
  session->at += length;
}

// In a function of its own: the jump of a failed png_error leaves it before anything needs destruction.
bool append(std::string& out, const png_bytep data, size_t length) noexcept {
  try {
    out.append(reinterpret_cast<const char*>(data), length);
    return true;
  } catch (...) {
    return false;
  }
}
void on_write(png_structp png, png_bytep data, size_t length) {
  if (!append(*static_cast<Session*>(png_get_io_ptr(png))->out, data, length)) png_error(png, "out of memory");
}
void on_flush(png_structp) {}

struct Chunk {
  std::string_view kind;
  std::span<const uint8_t> data;
  bool is_whole;  // has the checksum that it says
};

// Behind the signature, one after another.
class Chunks {
 public:
  explicit Chunks(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // Nothing: none begins here, or not all of it is there.
  std::optional<Chunk> next() {
    constexpr size_t kHead = 8, kChecksum = 4;
    if (bytes_.size() - at_ < kHead) return std::nullopt;
    const size_t length = number(at_), there = bytes_.size() - at_ - kHead;
    if (length + kChecksum > there) {
      missing_ = length + kChecksum - there;
      return std::nullopt;
    }
    const auto kind_and_data = bytes_.subspan(at_ + 4, 4 + length);
    at_ += kHead + length + kChecksum;
    return Chunk{.kind = {reinterpret_cast<const char*>(kind_and_data.data()), 4},
                 .data = kind_and_data.subspan(4),
                 .is_whole = crc32_z(0, kind_and_data.data(), kind_and_data.size()) == number(at_ - kChecksum)};
  }
  size_t missing() const { return missing_; }  // bytes of the one that is not all there
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  uint32_t number(size_t at) const {
    return uint32_t(bytes_[at]) << 24 | bytes_[at + 1] << 16 | bytes_[at + 2] << 8 | bytes_[at + 3];
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 8, missing_ = 0;
};

// What libpng does not look at: EXIF data, wherever it stands, and whether a chunk says that it is longer than the
// file, because libpng takes memory for a chunk before it reads it.
int read_orientation(std::span<const uint8_t> bytes, const std::string& file) {
  int orientation = 1;
  Chunks chunks(bytes);
  while (const auto chunk = chunks.next()) {
    if (chunk->kind == "eXIf") orientation = exif_orientation(chunk->data);
    if (chunk->kind == "IEND") break;
  }
  if (chunks.missing() > 0)
    fail_input(fmt::format("{}: broken PNG: {}: {} bytes of a chunk are missing", file, kEndsEarly, chunks.missing()));
  return orientation;
}

class PngReader {
 public:
  PngReader(std::span<const uint8_t> bytes, std::string file) : file_(std::move(file)) {
    orientation_ = read_orientation(bytes, file_);
    session_.in = bytes;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session_, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) fail_resource("libpng: out of memory");
    png_set_read_fn(png_, &session_, on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours has a clearer message: check_image_size
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Picture picture(Pixels pixels) {
    png_set_chunk_cache_max(png_, 1);  // no texts: libpng keeps up to 1000 of 8 MB each
    if (!header_or_jump()) fail_png();
    check_image_size(png_get_image_width(png_, info_), png_get_image_height(png_, info_), file_);
    const bool has_alpha =
        (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) || png_get_valid(png_, info_, PNG_INFO_tRNS);
    const bool alpha = has_alpha && pixels == Pixels::shown;
    if (!to_8_bits_or_jump(alpha)) fail_png();
    Picture out{.image = {.width = int(png_get_image_width(png_, info_)),
                          .height = int(png_get_image_height(png_, info_)),
                          .rgb = {}},
                .facts = {.kind = "PNG", .orientation = orientation_}};
    const size_t row_bytes = size_t(out.image.width) * (alpha ? 4 : 3);
    if (png_get_rowbytes(png_, info_) != row_bytes) fail_input(file_ + ": PNG of an unknown kind");
    std::vector<uint8_t>& values = out.image.rgb;
    values.resize(row_bytes * size_t(out.image.height));
    std::vector<png_bytep> rows(size_t(out.image.height), nullptr);
    for (size_t y = 0; y < rows.size(); ++y) rows[y] = &values[y * row_bytes];
    if (!image_or_jump(rows.data())) fail_png();
    if (alpha) out.facts.transparent = put_on_white(values);
    return out;
  }

  // Text may stand before the pixels or after them, so the rows are read past.
  std::span<const png_text> texts() {
    // Newer versions of libpng count the keyword, and hold texts that are not compressed to it as well.
    png_set_chunk_malloc_max(png_, kMaxTextBytes + 1024);
    png_set_chunk_cache_max(png_, kMaxTexts);
    if (!header_or_jump()) fail_png();
    check_image_size(png_get_image_width(png_, info_), png_get_image_height(png_, info_), file_);
    if (!rest_or_jump()) fail_png();
    png_textp first = nullptr;
    int count = 0;
    png_get_text(png_, info_, &first, &count);
    return {first, size_t(count)};
  }

 private:
  bool header_or_jump() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_info(png_, info_);
    return true;
  }
  // What PIL's convert("RGB") or convert("RGBA") does: palette looked up, few bits spread over 0..255, grey repeated,
  // of 16 bits the high ones kept.
  bool to_8_bits_or_jump(bool alpha) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_expand(png_);
    png_set_strip_16(png_);
    if (!alpha) png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  bool image_or_jump(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }
  bool rest_or_jump() {
    if (setjmp(png_jmpbuf(png_))) return false;
    const int passes = png_set_interlace_handling(png_);
    png_start_read_image(png_);
    for (int pass = 0; pass < passes; ++pass)
      for (png_uint_32 y = 0; y < png_get_image_height(png_, info_); ++y) png_read_row(png_, nullptr, nullptr);
    png_read_end(png_, info_);
    return true;
  }
  [[noreturn]] void fail_png() const { fail_input(fmt::format("{}: broken PNG: {}", file_, session_.message)); }

  std::string file_;
  int orientation_ = 1;
  Session session_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

class PngWriter {
 public:
  explicit PngWriter(std::string& out) {
    session_.out = &out;
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &session_, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) fail_resource("libpng: out of memory");
    png_set_write_fn(png_, &session_, on_write, on_flush);
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  void write(const Image& image, std::vector<png_text>& texts) {
    std::vector<png_bytep> rows(size_t(image.height), nullptr);
    for (size_t y = 0; y < rows.size(); ++y)
      rows[y] = const_cast<png_bytep>(&image.rgb[y * size_t(image.width) * 3]);  // libpng's signature; it only reads
    if (!write_or_jump(image.width, image.height, rows.data(), texts.data(), int(texts.size())))
      fail(fmt::format("encode_png: {}", session_.message));
  }

 private:
  bool write_or_jump(int width, int height, png_bytepp rows, png_textp texts, int text_count) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_IHDR(png_, info_, png_uint_32(width), png_uint_32(height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // Painted pixels repeat nowhere: to look for that takes five times as long, and saves not a hundredth.
    png_set_compression_strategy(png_, Z_RLE);
    png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
    png_set_text(png_, info_, texts, text_count);
    png_write_info(png_, info_);
    png_write_image(png_, rows);
    png_write_end(png_, nullptr);
    return true;
  }

  Session session_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

// UTF-8 as Latin-1, or nothing if it needs more; fails if it is not UTF-8. Only U+0000..U+00FF have a first byte below
// 0xC4, in one byte or two.
std::optional<std::string> to_latin1(const std::string& utf8) {
  std::string out;
  bool fits = true;
  for (size_t i = 0; i < utf8.size();) {
    const uint8_t lead = uint8_t(utf8[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length == 0 || length > utf8.size() - i) fail("encode_png: a text is not UTF-8");
    for (size_t k = 1; k < length; ++k)
      if ((uint8_t(utf8[i + k]) & 0xC0) != 0x80) fail("encode_png: a text is not UTF-8");
    if (length == 1)
      out += utf8[i];
    else if (lead < 0xC4)
      out += char((lead & 0x03) << 6 | (utf8[i + 1] & 0x3F));
    else
      fits = false;
    i += length;
  }
  return fits ? std::optional(out) : std::nullopt;
}

std::string from_latin1(std::string_view latin1) {
  std::string out;
  for (uint8_t c : latin1) {
    if (c < 0x80) {
      out += char(c);
    } else {
      out += char(0xC0 | c >> 6);
      out += char(0x80 | (c & 0x3F));
    }
  }
  return out;
}

// PNG's rules: 1 to 79 printable characters, no space at an end, no two in a row. ASCII is enough for ours.
void check_keyword(const std::string& keyword) {
  bool good = !keyword.empty() && keyword.size() <= 79 && keyword.front() != ' ' && keyword.back() != ' ' &&
              keyword.find("  ") == std::string::npos;
  for (unsigned char c : keyword) good = good && c >= 0x20 && c < 0x7F;
  if (!good) fail(fmt::format("encode_png: \"{}\" cannot be a text's keyword", keyword));
}

}  // namespace

bool is_png(std::span<const uint8_t> bytes) {
  return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
}

bool is_whole_png(std::span<const uint8_t> bytes) {
  if (!is_png(bytes)) return false;
  Chunks chunks(bytes);
  while (const auto chunk = chunks.next()) {
    if (!chunk->is_whole) return false;
    if (chunk->kind == "IEND") return chunks.at_end();
  }
  return false;
}

Picture decode_png(std::span<const uint8_t> bytes, const std::string& file, Pixels pixels) {
  return PngReader(bytes, file).picture(pixels);
}

std::string encode_png(const Image& image, const PngText& text) {
  if (image.width < 1 || image.height < 1 || image.rgb.size() != size_t(image.width) * size_t(image.height) * 3)
    fail(fmt::format("encode_png: {}x{} pixels in {} bytes", image.width, image.height, image.rgb.size()));
  std::vector<std::string> owned;  // libpng keeps pointers
  owned.reserve(text.size());
  std::vector<png_text> texts;
  for (const auto& [keyword, value] : text) {
    check_keyword(keyword);
    if (value.find('\0') != std::string::npos) fail("encode_png: the text of " + keyword + " has a zero byte");
    const auto latin1 = to_latin1(value);
    owned.push_back(latin1 ? *latin1 : value);
    png_text entry{};
    entry.compression = latin1 ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    entry.key = const_cast<char*>(keyword.c_str());  // libpng's signature; it copies
    entry.text = owned.back().data();
    texts.push_back(entry);
  }
  std::string out;
  PngWriter(out).write(image, texts);
  return out;
}

PngText read_png_text(const std::filesystem::path& path) {
  const MappedFile file(path);
  if (!is_png(file.bytes())) fail_input(path.string() + ": not a PNG file");
  PngReader reader(file.bytes(), path.string());
  PngText out;
  for (const png_text& entry : reader.texts()) {
    const bool utf8 = entry.compression == PNG_ITXT_COMPRESSION_NONE || entry.compression == PNG_ITXT_COMPRESSION_zTXt;
    const std::string_view value(entry.text, utf8 ? entry.itxt_length : entry.text_length);
    if (value.size() > kMaxTextBytes) continue;
    out.emplace_back(entry.key, utf8 ? std::string(value) : from_latin1(value));
  }
  return out;
}

}  // namespace seedstory
