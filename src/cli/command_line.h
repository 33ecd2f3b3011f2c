// The command that makes a frame or a story again, from what was written into it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "io/json.h"

namespace seedstory {

// One word for sh, bash, zsh and fish alike, whatever bytes it has. Control characters are spelled out.
std::string shell_quote(std::string_view text);

// "again", or with a number where that is there already.
std::string new_folder();

// `story` is the JSON in a frame or in story.json; `folder` is where its start picture lies, and `output` where
// it goes. Long texts come through a
// pipe. ErrorKind::input if something is missing, or if its flags are not a model's.
std::string command_line(const Json& story, const std::filesystem::path& folder,
                         const std::string& output = new_folder());

}  // namespace seedstory
