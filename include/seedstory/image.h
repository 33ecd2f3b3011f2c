// A picture in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace seedstory {

struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height x width x 3, sRGB
};

}  // namespace seedstory
