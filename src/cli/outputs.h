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

// Where --sheet goes: a name alone is in the story's folder.
std::filesystem::path sheet_file(const std::string& sheet, const std::filesystem::path& folder);

// Its name, if that is in the story's folder, however it was written.
std::optional<std::string> name_in(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace seedstory
