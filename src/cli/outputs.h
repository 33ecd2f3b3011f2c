// Where a story's files go, and that none of them is another one or something that is read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/flags.h"

namespace seedstory {

// ErrorKind::usage, with both names, where two outputs are one file, or an output is an input: by name, by links or by
// hard links. `folder` is the story's, empty while it is not known. Looks at names only: nothing is opened or made.
void need_distinct_files(const StoryFlags& flags, const std::optional<std::string>& config,
                         const std::filesystem::path& folder);

}  // namespace seedstory
