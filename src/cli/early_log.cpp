#include "cli/early_log.h"

#include <algorithm>
#include <cstdlib>

#include "io/file.h"
#include "output/output_paths.h"

namespace seedstory {
namespace {

// The commands that have the flag, and a text, which stands for generate.
bool tells_a_story(const std::string& command) {
  return command == "generate" || command == "visualize" || command == "plan" || command.find(' ') != std::string::npos;
}

std::string named_log(const std::vector<std::string>& words) {
  const std::string flag = "--log-file";
  const char* variable = std::getenv("SEEDSTORY_LOG_FILE");
  const bool has_settings = std::find(words.begin(), words.end(), "--no-settings") == words.end();
  std::string file = variable && has_settings ? variable : "";
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i] == flag && i + 1 < words.size()) file = words[i + 1];
    if (words[i].starts_with(flag + "=")) file = words[i].substr(flag.size() + 1);
  }
  return file.starts_with("--") ? "" : file;
}

}  // namespace

void open_early_log(const std::vector<std::string>& words, Terminal& terminal) {
  if (words.size() < 2 || !tells_a_story(words[1])) return;
  const std::string file = named_log(words);
  if (file.empty() || is_story_file(end_of_links(file).filename().string())) return;
  terminal.open_log(file);
}

}  // namespace seedstory
