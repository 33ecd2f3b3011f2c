// A story as one picture: its frames in a grid, each with its text.
#pragma once

#include <string>
#include <vector>

#include "io/image.h"

namespace seedstory {

struct SheetFrame {
  std::string text;
  Image picture;
};

// Pictures come at one size, texts of more than a few lines are cut. Same input, same bytes; at most 64 megapixels.
Image contact_sheet(const std::vector<SheetFrame>& frames);

}  // namespace seedstory
