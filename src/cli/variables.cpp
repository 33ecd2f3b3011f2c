#include "cli/variables.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "cli/did_you_mean.h"

namespace seedstory {
namespace {

const std::string kVariable = "SEEDSTORY_";

bool reads_model(const CommandDoc& command) {
  return std::any_of(command.flags.begin(), command.flags.end(),
                     [](const FlagDoc& flag) { return flag.names.back() == "--model"; });
}

// Without what all of them begin with, a slip counts for what it is.
std::string meant_variable(const std::string& name, std::vector<std::string> known) {
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"CACHE", "; the cache of -hf is where HF_HUB_CACHE or HF_HOME says"},
      {"HOME", "; nothing is kept but the configuration, where XDG_CONFIG_HOME says"},
      {"MODELS", "; SEEDSTORY_MODEL names one model's folder, HF_HUB_CACHE the cache of -hf"}};
  for (const auto& [word, help] : kOthers) {
    const std::string_view rest = std::string_view(name).substr(kVariable.size());
    if (rest == word || (rest.starts_with(word) && rest[word.size()] == '_')) return std::string(help);
  }
  for (std::string& variable : known) variable.erase(0, kVariable.size());
  const std::string found = nearest(name.substr(kVariable.size()), known);
  return found.empty() ? "" : "; did you mean " + kVariable + found + "?";
}

}  // namespace

std::string variable_of(const std::string& flag) {
  std::string name = kVariable + flag;
  for (char& c : name) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return name;
}

std::vector<std::string> unknown_variables(const CommandDoc& program) {
  // What this repository's own tests read.
  constexpr std::string_view kOfTests[] = {"SEEDSTORY_GOLDEN", "SEEDSTORY_NANO", "SEEDSTORY_NANO_REFERENCE",
                                           "SEEDSTORY_SHOW_ERRORS"};
  std::vector<std::string> known, lines;
  std::set<std::string> flags;  // as variables, where they are none
  for (const CommandDoc& command : program.commands) {
    if (!reads_model(command)) continue;
    for (const FlagDoc& flag : command.flags) {
      if (!flag.environment.empty())
        known.push_back(flag.environment);
      else if (const std::string& name = flag.names.back(); name.starts_with("--"))
        flags.insert(variable_of(name.substr(2)));
    }
  }
  for (const char* const* entry = environ; *entry; ++entry) {
    const std::string name(*entry, std::strcspn(*entry, "="));
    if (!name.starts_with(kVariable) || std::find(known.begin(), known.end(), name) != known.end() ||
        std::find(std::begin(kOfTests), std::end(kOfTests), name) != std::end(kOfTests))
      continue;
    lines.push_back(name + (flags.contains(name) ? ": is not read; its flag stands on the command line alone"
                                                 : ": no such variable" + meant_variable(name, known)));
  }
  return lines;
}

}  // namespace seedstory
