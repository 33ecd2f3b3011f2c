// What generate and visualize have in common: everything after the texts are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/flags.h"

namespace seedstory {

struct StoryTexts {
  std::string command = {};  // generate or visualize
  std::string prompt = {};
  std::vector<std::string> captions = {};
};

// Tells the story and paints it, or prints the one that the folder holds already. The exit code: 0, or what a signal
// asked for.
int tell(const StoryFlags& flags, const StoryTexts& texts, const Backends& backends, Terminal& terminal);

// Words of the text that are not in `words` (sorted, lower case), in order of appearance, once each.
std::vector<std::string> unknown_words(std::string_view text, const std::vector<std::string>& words);

}  // namespace seedstory
