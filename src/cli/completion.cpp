// What shells complete: made from the description of the flags, as the help and the manual page are.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/manual.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

bool is_file(const FlagDoc& flag) {
  return flag.type == "FILE" || flag.type == "PATH";
}

std::string replace_all(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

std::vector<std::string> subcommands(const CommandDoc& command) {
  std::vector<std::string> names;
  for (const CommandDoc& sub : command.commands) names.push_back(sub.name);
  return names;
}

// ---- bash

std::string bash_words(const FlagDoc& flag) {
  if (is_file(flag)) return "compgen -f";
  if (flag.type == "DIR") return "compgen -d";
  const std::vector<std::string> words = choices(flag.type);
  return words.empty() ? "" : fmt::format("compgen -W '{}'", fmt::join(words, " "));
}

// A case a flag that takes a value, and one for what the command itself can be followed by. `path` is " bench compare".
void bash_cases(const CommandDoc& command, const std::string& path, std::string& values, std::string& words) {
  std::vector<std::string> next = subcommands(command);
  std::string placed;
  for (const FlagDoc& flag : command.flags) {
    if (flag.has_place) {
      placed = bash_words(flag);
      continue;
    }
    next.insert(next.end(), flag.names.begin(), flag.names.end());
    if (flag.type.empty()) continue;
    const std::string generator = bash_words(flag);
    for (const std::string& name : flag.names)
      values += fmt::format("    \"{} {}\") {} ;;\n", path, name,
                            generator.empty() ? "return" : "_seedstory_reply " + generator + "; return");
  }
  words += fmt::format("    \"{}\")\n", path);
  if (!placed.empty()) words += fmt::format("      [[ $cur == -* ]] || {{ _seedstory_reply {}; return; }}\n", placed);
  words += fmt::format("      _seedstory_reply compgen -W '{}' ;;\n", fmt::join(next, " "));
  for (const CommandDoc& sub : command.commands) bash_cases(sub, path + " " + sub.name, values, words);
}

void bash_paths(const CommandDoc& command, const std::string& path, std::vector<std::string>& all) {
  for (const CommandDoc& sub : command.commands) {
    all.push_back("\"" + path + " " + sub.name + "\"");
    bash_paths(sub, path + " " + sub.name, all);
  }
}

std::string bash(const CommandDoc& program) {
  std::string values, words;
  std::vector<std::string> paths;
  bash_cases(program, "", values, words);
  bash_paths(program, "", paths);
  // bash makes "=" a word of its own.
  return fmt::format(R"(# bash completion for seedstory, made by: seedstory completion bash
_seedstory_reply() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <("$@" -- "$cur")
}}

_seedstory() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path='' word
  COMPREPLY=()
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in
      {}) path="$path $word" ;;
    esac
  done
  case "$path $prev" in
{}  esac
  case "$path" in
{}  esac
}}
complete -F _seedstory seedstory
)",
                     fmt::join(paths, " | "), values, words);
}

// ---- zsh

// Inside '...', inside [...] or between colons of an _arguments spec.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return replace_all(out, "'", "'\\''");
}

std::string zsh_value(const FlagDoc& flag) {
  if (flag.type.empty()) return "";
  const std::vector<std::string> words = choices(flag.type);
  const std::string action = is_file(flag)        ? "_files"
                             : flag.type == "DIR" ? "_files -/"
                             : words.empty()      ? ""
                                                  : fmt::format("({})", fmt::join(words, " "));
  return fmt::format(":{}:{}", zsh_text(words.empty() ? flag.type : flag.names.back()), action);
}

std::string zsh_specs(const CommandDoc& command) {
  std::string specs;
  int place = 0;
  for (const FlagDoc& flag : command.flags)
    for (const std::string& name : flag.names) {
      const char* joint = flag.type.empty() ? "" : name.starts_with("--") ? "=" : "+";
      const std::string spec = flag.has_place ? std::to_string(++place) + zsh_value(flag)
                                              : fmt::format("({}){}{}[{}]{}", fmt::join(flag.names, " "), name, joint,
                                                            zsh_text(flag.about), zsh_value(flag));
      specs += fmt::format(" \\\n    '{}'", spec);
    }
  return specs;
}

std::string zsh_function(const CommandDoc& command, const std::string& name) {
  std::string text = fmt::format("{}() {{\n", name), below;
  if (command.commands.empty()) return text + fmt::format("  _arguments -s{}\n}}\n\n", zsh_specs(command));
  text += fmt::format(
      "  local state line\n  local -a commands\n  _arguments -C{} \\\n    '1:command:->command' '*::argument:->rest'\n",
      zsh_specs(command));
  text += "  case $state in\n    command)\n      commands=(\n";
  for (const CommandDoc& sub : command.commands)
    text += fmt::format("        '{}:{}'\n", sub.name, zsh_text(sub.about));
  text += "      )\n      _describe command commands\n      ;;\n    rest)\n      case $line[1] in\n";
  for (const CommandDoc& sub : command.commands) {
    text += fmt::format("        {}) {}_{} ;;\n", sub.name, name, sub.name);
    below += zsh_function(sub, name + "_" + sub.name);
  }
  return text + "      esac\n      ;;\n  esac\n}\n\n" + below;
}

std::string zsh(const CommandDoc& program) {
  return "#compdef seedstory\n# zsh completion for seedstory, made by: seedstory completion zsh\n\n" +
         zsh_function(program, "_seedstory") +
         "if [ \"$funcstack[1]\" = _seedstory ]; then _seedstory \"$@\"; else compdef _seedstory seedstory; fi\n";
}

// ---- fish

std::string fish_text(const std::string& text) {
  return "'" + replace_all(replace_all(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fish_value(const FlagDoc& flag) {
  if (flag.type.empty()) return "";
  if (is_file(flag)) return " -r -F";
  if (flag.type == "DIR") return " -x -a '(__fish_complete_directories)'";
  const std::vector<std::string> words = choices(flag.type);
  return words.empty() ? " -x" : fmt::format(" -x -a '{}'", fmt::join(words, " "));
}

void fish_lines(const CommandDoc& command, const std::string& condition, std::string& lines) {
  const std::string head = fmt::format("complete -c seedstory -n '{}'", condition);
  for (const FlagDoc& flag : command.flags) {
    if (flag.has_place) {
      const std::vector<std::string> words = choices(flag.type);
      lines += head + (words.empty() ? " -F" : fmt::format(" -a '{}'", fmt::join(words, " "))) + "\n";
      continue;
    }
    lines += head;
    for (const std::string& name : flag.names)
      lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    lines += fish_value(flag) + " -d " + fish_text(flag.about) + "\n";
  }
  if (command.commands.empty()) return;
  const std::string none =
      fmt::format("{}; and not __fish_seen_subcommand_from {}", condition, fmt::join(subcommands(command), " "));
  for (const CommandDoc& sub : command.commands) {
    lines += fmt::format("complete -c seedstory -n '{}' -a {} -d {}\n", none, sub.name, fish_text(sub.about));
    fish_lines(sub, fmt::format("{}; and __fish_seen_subcommand_from {}", condition, sub.name), lines);
  }
}

std::string fish(const CommandDoc& program) {
  std::string lines = "# fish completion for seedstory, made by: seedstory completion fish\ncomplete -c seedstory -f\n";
  fish_lines(program, "true", lines);
  return lines;
}

}  // namespace

std::vector<std::string> choices(const std::string& type) {
  std::vector<std::string> words;
  if (type.find('|') == std::string::npos) return words;
  for (size_t begin = 0, end; begin <= type.size(); begin = end + 1) {
    end = std::min(type.find('|', begin), type.size());
    const std::string word = type.substr(begin, end - begin);
    words.push_back(word.substr(0, word.find('[')));  // cuda of cuda[:N]
  }
  return words;
}

std::string completion(const CommandDoc& program, const std::string& shell) {
  if (shell == "bash") return bash(program);
  if (shell == "zsh") return zsh(program);
  if (shell == "fish") return fish(program);
  fail_usage(fmt::format("completion {}: expected bash, zsh or fish", shell));
}

}  // namespace seedstory
