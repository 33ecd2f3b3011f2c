// EXIF: how a camera was held.
#pragma once

#include <cstdint>
#include <span>

namespace seedstory {

// The orientation that EXIF data gives, 1 to 8; 1 where it gives none or is broken. `bytes` begin with TIFF's byte
// order, or with "Exif\0\0" before it as in JPEG.
int exif_orientation(std::span<const uint8_t> bytes);

}  // namespace seedstory
