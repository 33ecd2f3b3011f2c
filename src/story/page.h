// A story as one self-contained HTML page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seedstory {

struct Page {
  std::string text, png;
};

// Needs no network and no script; the texts are escaped. Same input, same bytes.
std::string story_page(std::string_view title, std::string_view colophon, const std::vector<Page>& pages);

}  // namespace seedstory
