// visualize: the captions are given, and the model paints them.
#include <fmt/format.h>

#include "cli/flags.h"
#include "cli/places.h"
#include "cli/tell.h"
#include "io/json.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

std::vector<std::string> read_captions(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  const nlohmann::json json = parse_json(read_user_text(path), name, 1);
  if (!json.is_array()) fail_input(fmt::format("{}: expected a JSON array of strings", name));
  std::vector<std::string> captions;
  for (const nlohmann::json& item : json) {
    if (!item.is_string()) fail_input(fmt::format("{}: item {} is not a string", name, captions.size()));
    captions.push_back(item);
    if (captions.back().find_first_not_of(" \t\r\n") == std::string::npos)
      fail_input(fmt::format("{}: item {} is empty", name, captions.size() - 1));
  }
  return captions;
}

}  // namespace

int visualize(const StoryFlags& flags, const Backends& backends, Terminal& terminal) {
  need_one_stdin(flags.image, "--captions", flags.captions);
  const std::vector<std::string> captions = read_captions(*flags.captions);
  const size_t given = flags.image ? 1 : 0;  // the start picture has one of them
  if (captions.size() <= given)
    fail_input(fmt::format("{}: {} captions; nothing is left to paint", *flags.captions, captions.size()));
  return tell(flags, {.command = "visualize", .captions = captions}, backends, terminal);
}

}  // namespace seedstory
