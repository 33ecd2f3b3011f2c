// Pictures from and to files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace seedstory {

struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height x width x 3
};

// PNG or JPEG, as PIL's Image.open(path).convert("RGB"): alpha is dropped, grey is repeated, EXIF rotation is ignored,
// of 16 bits the high ones are kept. PNG is equal to PIL but for 16-bit grey, which PIL clips to white. JPEG is decoded
// by stb_image, whose rounding is its own: values within 3 of 255. CMYK JPEG is refused. Throws ErrorKind::input for a
// file that is missing, broken, or larger than 16384 pixels a side or 64 megapixels.
Image read_image(const std::filesystem::path& path);

using PngText = std::vector<std::pair<std::string, std::string>>;  // keyword, UTF-8 text

// The bytes of a PNG file with text chunks (tEXt where Latin-1 will do, else iTXt). Same input, same bytes.
std::string encode_png(const Image& image, const PngText& text = {});

// The text chunks of a PNG file in the order of the file. Those of more than 1 MiB, damaged, or behind some 100
// others are left out.
PngText read_png_text(const std::filesystem::path& path);

// Pillow 10.2's Image.resize(size, BILINEAR): antialiased, fixed-point, horizontal pass first.
Image resize_bilinear(const Image& image, int width, int height);

}  // namespace seedstory
