// The manual page, made from the description of the flags.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "cli/exit_codes.h"
#include "cli/manual.h"

namespace seedstory {
namespace {

// Text that roff leaves as it is; a hyphen is a minus that can be copied.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += fmt::format("\\&{}", c);
    else
      out += c;
  }
  return out;
}

std::string bold(const std::string& text) {
  return "\\fB" + roff(text) + "\\fR";
}

std::string bold_names(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const std::string& name : names) out.push_back(bold(name));
  return fmt::format("{}", fmt::join(out, ", "));
}

// A line may end behind a choice.
std::string type_of(const FlagDoc& flag) {
  std::string text = roff(flag.type);
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 3) text.insert(at + 1, "\\:");
  return text;
}

std::string option(const FlagDoc& flag) {
  std::string text = ".TP\n" + bold_names(flag.names);
  if (!flag.type.empty() && !flag.has_place) text += " \\fI" + type_of(flag) + "\\fR";
  text += "\n" + roff(flag.about) + ".";
  for (const auto& [name, meaning] : flag.choices) text += fmt::format("\n.br\n{}: {}.", bold(name), roff(meaning));
  if (!flag.choices.empty()) text += "\n.br";
  if (!flag.environment.empty()) text += "\nEnvironment: " + bold(flag.environment) + ".";
  return text + "\n";
}

// The first command that has a flag tells it; the others name it.
using StoryResult = std::map<std::string, std::string>;

std::string command_section(const CommandDoc& command, const std::string& path, StoryResult& told) {
  std::string text = fmt::format(".SS \"{} {}\"\n{}.\n", roff(path), roff(command.name), roff(command.about)), group;
  std::map<std::string, std::vector<std::string>> elsewhere;
  for (const FlagDoc& flag : command.flags) {
    if (flag.names.back() == "--help") continue;  // every command has it
    const std::string key = fmt::format("{} {}", fmt::join(flag.names, " "), flag.about);
    const auto [first, is_new] = told.emplace(key, command.name);
    if (!is_new) {
      elsewhere[first->second].push_back(flag.names.back());
      continue;
    }
    if (flag.group != group) text += fmt::format(".PP\n\\fI{}\\fR\n", roff(flag.group));
    group = flag.group;
    text += option(flag);
  }
  for (const auto& [name, flags] : elsewhere)
    text += fmt::format(".PP\nAs for {}: {}.\n", bold(name), bold_names(flags));
  for (const CommandDoc& sub : command.commands) text += command_section(sub, path + " " + command.name, told);
  return text;
}

std::string synopsis(const CommandDoc& command, const std::string& path) {
  std::string place;
  for (const FlagDoc& flag : command.flags)
    if (flag.has_place) place += " \\fI" + roff(flag.names.back()) + "\\fR";
  const std::string words = path + " " + command.name;
  std::string text = fmt::format("{}{} [\\fIoptions\\fR]\n.br\n", bold(words), place);
  for (const CommandDoc& sub : command.commands) text += synopsis(sub, words);
  return text;
}

constexpr const char* kPlaces = R"(.SH ENVIRONMENT
Every option with an \fIEnvironment\fR line above can be given by that variable; switches take \fBtrue\fR or \fBfalse\fR.
An option wins over a variable, a variable over the configuration file, and that over the model's default.
.TP
.B NO_COLOR
Not empty: no colours on a terminal, but with \fB\-\-color on\fR.
.TP
.B CI
Not empty: no live line on a terminal.
.TP
.B TERM
\fBdumb\fR: neither colours nor a live line.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/seedstory/config.toml
The configuration file, below \fI~/.config\fR where the variable is not set or relative.
A line an option, by its long name without the hyphens: \fBsteps = 20\fR, \fBmodel = "/models/mine"\fR.
Below \fB[generate]\fR or \fB[visualize]\fR for one command only.
)";

}  // namespace

std::string man_page(const CommandDoc& program, const std::string& version) {
  std::string text =
      fmt::format(".TH SEEDSTORY 1 \"\" \"seedstory {}\" \"User Commands\"\n.nh\n.ad l\n", roff(version));
  text += ".SH NAME\nseedstory \\- tells illustrated stories\n.SH SYNOPSIS\n";
  StoryResult told;
  std::string commands;
  for (const CommandDoc& command : program.commands) {
    text += synopsis(command, "seedstory");
    commands += command_section(command, "seedstory", told);
  }
  text += fmt::format(
      ".SH DESCRIPTION\n{}\nThe story goes to standard output, everything else to standard error.\n"
      "\\fB\\-\\-help\\fR after a command lists its options.\n",
      roff(program.about));
  text += ".SH COMMANDS\n" + commands + kPlaces + ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes) text += fmt::format(".TP\n.B {}\n{}.\n", code, roff(meaning));
  return text;
}

}  // namespace seedstory
