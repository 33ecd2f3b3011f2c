// Follows links, as whoever writes there will.
#include "output/output_paths.h"

#include "io/file.h"

namespace seedstory {

namespace fs = std::filesystem;

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
