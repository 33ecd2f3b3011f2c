// WebP through libwebp; the public functions are in io/image.h.
#pragma once

#include "io/image.h"

namespace seedstory {

bool is_webp(std::span<const uint8_t> bytes);
Picture decode_webp(std::span<const uint8_t> bytes, const std::string& file, Pixels pixels);

}  // namespace seedstory
