// What happens to a picture's pixels between its file and the program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/image.h"

namespace seedstory {

// Fails if a picture of this size is not to be read; `file` begins the message.
void check_image_size(int64_t width, int64_t height, const std::string& file);

// From how it is stored to how it is shown. `orientation` is EXIF's, 1 to 8.
void turn_upright(Image& image, int orientation);

// RGBA to RGB in place, over white. Whether any pixel was not opaque.
bool put_on_white(std::vector<uint8_t>& rgba);

}  // namespace seedstory
