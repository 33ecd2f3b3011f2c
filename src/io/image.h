// Pictures from and to files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "seedstory/image.h"

namespace seedstory {

// What a picture's file says beside its pixels.
struct PictureFacts {
  const char* kind = "";      // PNG, JPEG, WebP
  int width = 0, height = 0;  // as stored
  int orientation = 1;        // EXIF's, 1 to 8; 1 is upright
  bool transparent = false;   // some pixel is not opaque; only looked for with Pixels::shown
};

struct Picture {
  Image image;
  PictureFacts facts;
};

// shown: as a viewer shows it, turned by its EXIF orientation, on white where it is transparent.
// stored: as PIL's Image.open(path).convert("RGB"): alpha is dropped, the orientation is not looked at.
enum class Pixels { shown, stored };

// Pictures larger than 16384 pixels a side or 64 megapixels are not read.
constexpr int kMaxSide = 16384;
constexpr int64_t kMaxPixels = 64 << 20;

// PNG, JPEG or still WebP. Grey is repeated, palettes are looked up, of 16 bits the high ones are kept: PNG and WebP
// are PIL's bytes but for 16-bit grey, which PIL clips to white. JPEG is decoded by stb_image, whose rounding is its
// own: values within 3 of 255. Throws ErrorKind::input for a file that is broken, too large, or of another kind, which
// it names. `name` begins the messages.
Picture read_picture(std::span<const uint8_t> bytes, const std::string& name, Pixels pixels = Pixels::shown);

// The same of a file; ErrorKind::input if it is missing.
Image read_image(const std::filesystem::path& path);

// Whether a file that begins so is one that read_picture reads.
bool is_picture(std::span<const uint8_t> bytes);

using PngText = std::vector<std::pair<std::string, std::string>>;  // keyword, UTF-8 text

// The bytes of a PNG file with text chunks (tEXt where Latin-1 will do, else iTXt). Same input, same bytes.
std::string encode_png(const Image& image, const PngText& text = {});

// The text chunks of a PNG file in the order of the file. Those of more than 1 MiB, damaged, or behind some 100
// others are left out.
PngText read_png_text(const std::filesystem::path& path);

// Pillow 10.2's Image.resize(size, BILINEAR): antialiased, fixed-point, horizontal pass first.
Image resize_bilinear(const Image& image, int width, int height);

// The same with LANCZOS: for eyes. Large pictures shrink without moire, small ones grow without steps.
Image resize_lanczos(const Image& image, int width, int height);

}  // namespace seedstory
