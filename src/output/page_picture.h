// What the page shows of a frame.
#pragma once

#include <cstddef>
#include <string>

#include "io/image.h"

namespace seedstory {

struct PagePicture {
  int width = 0, height = 0;
  std::string jpeg;
};

// A copy for a page that is sent and read at any size: a small picture is enlarged to 512 pixels a side, so that no
// screen shows its pixels as steps; a large one is shrunk to 1600. What still takes more than `most_bytes` gets less
// quality, then fewer pixels. Same input, same bytes.
PagePicture page_picture(const Image& picture, size_t most_bytes);

}  // namespace seedstory
