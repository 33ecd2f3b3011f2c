// JPEG, read through stb_image and written through libjpeg-turbo; the public functions are in io/image.h.
#pragma once

#include "io/image.h"

namespace seedstory {

bool is_jpeg(std::span<const uint8_t> bytes);
Picture decode_jpeg(std::span<const uint8_t> bytes, const std::string& file);

// A JPEG file of the picture, baseline, `quality` 1 to 100. Same input, same bytes.
std::string encode_jpeg(const Image& image, int quality);

}  // namespace seedstory
