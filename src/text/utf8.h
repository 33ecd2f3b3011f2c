// UTF-8, character by character.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace seedstory {

struct Utf8Character {
  uint32_t code = 0;
  size_t length = 0;  // in bytes; 0: none begins the text. Over-long forms and surrogates are none.
};
Utf8Character first_character(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace seedstory
