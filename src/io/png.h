// PNG through libpng, which checks checksums and limits; the public functions are in io/image.h.
#pragma once

#include <span>
#include <string>

#include "io/image.h"

namespace seedstory {

constexpr int kMaxSide = 16384;
constexpr int64_t kMaxPixels = 64 << 20;

// Fails if a picture of this size is not to be read; `file` begins the message.
void check_image_size(int64_t width, int64_t height, const std::string& file);

bool is_png(std::span<const uint8_t> bytes);
Image decode_png(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace seedstory
