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

struct Sheet {
  Image image;
  std::string lacks;  // what of the texts is not on it, for a person; empty: nothing
};

// Pictures come at one size. Letters without a drawing of their own are drawn without their marks, or as boxes;
// texts of more than a few lines are cut; `lacks` says so. Same input, same bytes; at most 64 megapixels.
Sheet contact_sheet(const std::vector<SheetFrame>& frames);

}  // namespace seedstory
