// What the page shows of the user's own picture.
#pragma once

#include <string>

namespace seedstory {

// `png` itself, or, of a large one, a JPEG copy: at most 1600 pixels a side and 384 KiB, so that a page with a photo
// can still be sent. Same input, same bytes.
std::string page_picture(std::string png);

}  // namespace seedstory
