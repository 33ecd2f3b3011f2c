// Numbers as people write them: decimal and nothing else, so that 010 is ten and 1e3 frames are an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seedstory {

// What a number may be. A model may allow less.
template <class T>
struct Range {
  T least, most;
  const char* more = "";  // said behind the two
};

// ErrorKind::usage, `name` and the text first: a sign other than one minus, another base, spaces, nan, inf, or out of
// the range, however large.
int64_t parse_whole(const std::string& name, std::string_view text, const Range<int64_t>& range);
double parse_real(const std::string& name, std::string_view text, const Range<double>& range);

// "step" for one, else "steps"; with the number in front.
std::string plural(int64_t count, const std::string& noun);
std::string counted(int64_t count, const std::string& noun);

}  // namespace seedstory
