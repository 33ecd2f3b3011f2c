// One text for all the ways to type it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seedstory {

// For the tokenizer: NFC, line ends as "\n", straight quotes (also for guillemets, and
// without the spaces inside them), hyphens for dashes, "..." for an ellipsis, plain spaces,
// and nothing that cannot be seen. Otherwise ASCII stays as it is. `text` is UTF-8.
std::string normal_text(std::string_view text);

// For a font that has few letters: NFC, and what `has` refuses becomes what it is made of without its marks, where
// `has` takes all of that ("\u010d" c, "\ufb01" fi). What is not UTF-8 stays as it is.
std::string in_letters_of(std::string_view text, bool (*has)(uint32_t code));

// Has it nothing that can be seen?
bool is_blank(std::string_view text);

}  // namespace seedstory
