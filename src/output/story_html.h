// A story as one self-contained HTML page: a picture book.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "output/page_picture.h"

namespace seedstory {

struct Page {
  std::string text;
  PagePicture picture;
};

// What the last page says of how the book was made.
struct Colophon {
  std::string made;   // by what, with which seed
  std::string again;  // how to make it again; `command` is the line to type
  std::string command;
};

// A cover, then a spread a page: the picture and its text; at the end the colophon. Needs no network; without script,
// or before it ran, it is a book that scrolls. Every picture's bytes are there once. The texts are typeset and escaped,
// and a Content-Security-Policy allows the page's own style and script and nothing else. Same input, same bytes.
std::string story_page(std::string_view title, const Colophon& colophon, const std::vector<Page>& pages);

// What a cover says of a story that begins so: its first sentence, cut at a word when it is long.
std::string story_title(std::string_view text);

}  // namespace seedstory
