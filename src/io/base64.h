// RFC 4648's base64, with padding and without line breaks.
#pragma once

#include <string>
#include <string_view>

namespace seedstory {

std::string base64(std::string_view bytes);

}  // namespace seedstory
