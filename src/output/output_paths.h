// Where the files beside a story's own go.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace seedstory {

// Where --sheet goes: a name alone is in the story's folder.
std::filesystem::path sheet_file(const std::filesystem::path& sheet, const std::filesystem::path& folder);

// Its name, if that is in the story's folder, however it was written.
std::optional<std::string> name_in(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace seedstory
