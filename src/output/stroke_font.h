// Letters drawn on pictures.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/image.h"

namespace seedstory {

// Whether there is a drawing of the character: what has none is a box. The space is one.
bool has_letter(uint32_t code);

// In units: capitals are 7 high, lines want about 13. The text is UTF-8; of a line, without line breaks.
double text_width(std::string_view text);

// Black on what is there; (x, y) is where the baseline begins, in pixels, and `unit` the pixels of a unit. What falls
// outside the picture is left out.
void draw_text(Image& image, double x, double y, double unit, std::string_view text);

}  // namespace seedstory
