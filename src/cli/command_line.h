// The command that makes a frame or a story again, from what was written into it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace seedstory {

// For a POSIX shell; text with control characters needs bash's $'...'.
std::string shell_quote(std::string_view text);

// `story` is the JSON in a frame or in story.json; `folder` is where its start picture lies. Long texts come as a here
// document. ErrorKind::input if something is missing.
std::string command_line(const nlohmann::ordered_json& story, const std::filesystem::path& folder);

}  // namespace seedstory
