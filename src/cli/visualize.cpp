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

constexpr const char* kPages = "a blank line ends a page";

struct Captions {
  std::vector<std::string> texts;
  int64_t lines = 0;  // of a text file, without the blank ones
};

// A story as text may begin with [ as well: in JSON no letter follows that.
bool is_json(const std::string& path, std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] == '{' || path.ends_with(".json")) return true;
  const size_t second = text.find_first_not_of(" \t\r\n", first + 1);
  return text[first] == '[' && (second == std::string_view::npos || !std::isalpha(uint8_t(text[second])));
}

Captions from_json(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name, 8);
  if (!json.is_array())
    fail_input(fmt::format("{}: an array of texts was expected, [\"first page\", \"second page\"], and {} {} came",
                           name, json.is_object() || json.is_array() ? "an" : "a", json.type_name()));
  Captions captions;
  for (const Json& item : json) {
    const Json& text = item.is_object() && item.contains("text") ? item["text"] : item;
    if (!text.is_string())
      fail_input(
          fmt::format("{}: item {} is not a string, nor an object with a \"text\"", name, captions.texts.size()));
    captions.texts.push_back(text.get<std::string>());
  }
  return captions;
}

// A paragraph a page: what stands between blank lines, its own lines joined.
Captions from_text(std::string_view text) {
  Captions captions;
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
    if (!inside) captions.texts.emplace_back();
    if (inside) captions.texts.back() += ' ';
    captions.texts.back() += line;
    ++captions.lines;
    inside = true;
  }
  return captions;
}

Captions read_captions(const std::string& path) {
  const std::string name = user_text_name(path), text = read_user_text(path);
  if (is_blank(text)) fail_input(name + ": is empty");
  Captions captions = is_json(path, text) ? from_json(text, name) : from_text(text);
  for (size_t i = 0; i < captions.texts.size(); ++i)
    if (const std::string wrong = wrong_in_text(captions.texts[i]); !wrong.empty())
      fail_input(fmt::format("{}: item {} {}", name, i, wrong));
  return captions;
}

}  // namespace

int visualize(const StoryFlags& flags, const Backends& backends, Terminal& terminal) {
  need_one_stdin(flags.image, "--captions", flags.captions);
  const auto [captions, lines] = read_captions(*flags.captions);
  const size_t given = flags.image ? 1 : 0;  // the start picture has one of them
  if (captions.size() <= given)
    fail_input(fmt::format("{}: {}; nothing is left to paint{}", user_text_name(*flags.captions),
                           counted(int64_t(captions.size()), "caption"), lines > 1 ? fmt::format("; {}", kPages) : ""));
  if (captions.size() == 1 && lines > 1)
    terminal.say(fmt::format("{}: its {} lines are one page; {}", user_text_name(*flags.captions), lines, kPages));
  if (flags.dry_run) return plan(flags, {}, backends, captions);
  return tell(flags, {.command = "visualize", .captions = captions}, backends, terminal);
}

}  // namespace seedstory
