// One text for all the ways to type it.
#pragma once

#include <string>
#include <string_view>

namespace seedstory {

// For the tokenizer: NFC, line ends as "\n", straight quotes, hyphens for dashes, "..." for an ellipsis, plain spaces,
// and nothing that cannot be seen. Otherwise ASCII stays as it is. `text` is UTF-8.
std::string normal_text(std::string_view text);

// Has it nothing that can be seen?
bool is_blank(std::string_view text);

}  // namespace seedstory
