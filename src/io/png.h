// PNG through libpng, which checks checksums and limits; the public functions are in io/image.h.
#pragma once

#include "io/image.h"

namespace seedstory {

bool is_png(std::span<const uint8_t> bytes);
// Every chunk has the checksum that it says, and the last one ends the file: nothing of it is damaged.
bool is_whole_png(std::span<const uint8_t> bytes);
Picture decode_png(std::span<const uint8_t> bytes, const std::string& file, Pixels pixels);

}  // namespace seedstory
