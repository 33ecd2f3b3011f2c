// How a story's own files are named, and where the files beside them go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace seedstory {

inline constexpr const char* kStoryJson = "story.json";
inline constexpr const char* kStoryPage = "story.html";

std::string frame_file(int64_t index);        // NNN.png
bool is_frame_file(const std::string& name);  // whether this program names a frame so

// story.json, story.html, NNN.png: the names that a story's folder needs for itself, in capitals too: on some file
// systems they are one.
bool is_story_file(const std::string& name);

// Where --sheet goes: a name alone is in the story's folder.
std::filesystem::path sheet_file(const std::filesystem::path& sheet, const std::filesystem::path& folder);

// Its name, if that is in the story's folder, however it was written.
std::optional<std::string> name_in(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace seedstory
