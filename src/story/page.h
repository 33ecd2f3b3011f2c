// A story as one self-contained HTML page: a picture book.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seedstory {

struct Page {
  std::string text;
  std::string picture;  // PNG or JPEG
};

// A cover, then a spread a page: the picture and its text. Needs no network; without script, or before it ran, it is a
// book that scrolls. The texts are escaped, and a Content-Security-Policy allows the page's own style and script and
// nothing else. Same input, same bytes.
std::string story_page(std::string_view title, std::string_view colophon, const std::vector<Page>& pages);

// What a cover says of a story that begins so: its first sentence, cut at a word when it is long.
std::string story_title(std::string_view text);

}  // namespace seedstory
