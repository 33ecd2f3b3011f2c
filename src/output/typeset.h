// Typewriter's signs to a printer's, for texts that are shown.
#pragma once

#include <string>
#include <string_view>

namespace seedstory {

// "a" 'b' don't -- ... become quotes, apostrophes, dashes and an ellipsis. What is more likely code or a measure
// (5'10",
// --flag, <!--) stays. UTF-8 in and out.
std::string typeset(std::string_view text);

}  // namespace seedstory
