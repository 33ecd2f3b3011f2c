// Letters drawn on pictures.
#pragma once

#include <string_view>

#include "io/image.h"

namespace seedstory {

// In units: capitals are 7 high, lines want about 13. The text is UTF-8; of a line, without line breaks.
double text_width(std::string_view text);

// Black on what is there; (x, y) is where the baseline begins, in pixels, and `unit` the pixels of a unit. What falls
// outside the picture is left out.
void draw_text(Image& image, double x, double y, double unit, std::string_view text);

}  // namespace seedstory
