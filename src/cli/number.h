// Numbers as people write them: decimal and nothing else, so that 010 is ten and 1e3 frames are an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seedstory {

// ErrorKind::usage, `name` and the text first: a sign other than one minus, another base, spaces, nan, inf, too large.
int64_t parse_whole(const std::string& name, std::string_view text);
double parse_real(const std::string& name, std::string_view text);

}  // namespace seedstory
