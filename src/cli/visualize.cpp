// visualize: the captions are given, and the model paints them.
#include <fmt/format.h>

#include <cctype>

#include "cli/flags.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "cli/story_command.h"
#include "io/json.h"
#include "seedstory/error.h"
#include "text/normal_text.h"

namespace seedstory {
namespace {

using Json = nlohmann::json;

// A story as text may begin with [ as well: in JSON no letter follows that.
bool is_json(const std::string& path, std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] == '{' || path.ends_with(".json")) return true;
  const size_t second = text.find_first_not_of(" \t\r\n", first + 1);
  return text[first] == '[' && (second == std::string_view::npos || !std::isalpha(uint8_t(text[second])));
}

std::vector<std::string> from_json(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name, 8);
  if (!json.is_array())
    fail_input(fmt::format("{}: an array of texts was expected, [\"first page\", \"second page\"], and {} {} came",
                           name, json.is_object() || json.is_array() ? "an" : "a", json.type_name()));
  std::vector<std::string> captions;
  for (const Json& item : json) {
    const Json& text = item.is_object() && item.contains("text") ? item["text"] : item;
    if (!text.is_string())
      fail_input(fmt::format("{}: item {} is not a string, nor an object with a \"text\"", name, captions.size()));
    captions.push_back(text);
  }
  return captions;
}

// A paragraph a page: what stands between blank lines, its own lines joined.
std::vector<std::string> from_text(std::string_view text) {
  std::vector<std::string> captions;
  bool inside = false;
  while (!text.empty()) {
    const size_t length = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + (text.substr(length).starts_with("\r\n") ? 2 : 1), text.size()));
    const size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    line = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
    if (is_blank(line)) {
      inside = false;
      continue;
    }
    if (!inside) captions.emplace_back();
    if (inside) captions.back() += ' ';
    captions.back() += line;
    inside = true;
  }
  return captions;
}

std::vector<std::string> read_captions(const std::string& path) {
  const std::string name = user_text_name(path), text = read_user_text(path);
  if (is_blank(text)) fail_input(name + ": is empty");
  std::vector<std::string> captions = is_json(path, text) ? from_json(text, name) : from_text(text);
  for (size_t i = 0; i < captions.size(); ++i)
    if (const std::string wrong = wrong_in_text(captions[i]); !wrong.empty())
      fail_input(fmt::format("{}: item {} {}", name, i, wrong));
  return captions;
}

}  // namespace

int visualize(const StoryFlags& flags, const Backends& backends, Terminal& terminal) {
  need_one_stdin(flags.image, "--captions", flags.captions);
  const std::vector<std::string> captions = read_captions(*flags.captions);
  const size_t given = flags.image ? 1 : 0;  // the start picture has one of them
  if (captions.size() <= given)
    fail_input(fmt::format("{}: {}; nothing is left to paint", user_text_name(*flags.captions),
                           counted(int64_t(captions.size()), "caption")));
  if (flags.dry_run) return plan(flags, {}, backends, captions);
  return tell(flags, {.command = "visualize", .captions = captions}, backends, terminal);
}

}  // namespace seedstory
