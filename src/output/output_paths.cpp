// Follows links, as whoever writes there will.
#include "output/output_paths.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/file.h"

namespace seedstory {

namespace fs = std::filesystem;

std::string frame_file(int64_t index) {
  return fmt::format("{:03}.png", index);
}

bool is_frame_file(const std::string& name) {
  return name.size() >= 7 && name.substr(name.size() - 4) == ".png" &&
         std::all_of(name.begin(), name.end() - 4, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_story_file(const std::string& given) {
  std::string name = given;
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return name == kStoryJson || name == kStoryPage || is_frame_file(name);
}

fs::path sheet_file(const fs::path& sheet, const fs::path& folder) {
  return sheet.has_parent_path() ? sheet : folder / sheet;
}

std::optional<std::string> name_in(const fs::path& file, const fs::path& folder) {
  const fs::path end = end_of_links(file);
  std::error_code none;
  const fs::path own = fs::weakly_canonical(fs::absolute(folder), none);
  if (none || end.parent_path() != (own.has_filename() ? own : own.parent_path())) return std::nullopt;
  return end.filename().string();
}

}  // namespace seedstory
