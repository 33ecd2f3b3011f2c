// What the program says of its own flags in other forms: completion for shells and a man page, from one description.
#pragma once

#include <string>
#include <vector>

namespace seedstory {

struct FlagDoc {
  std::vector<std::string> names;  // "-m", "--model"; of what has its place instead of a name, that name
  std::string type;                // FILE, PATH, DIR, a|b|c, or a word for a person; empty: takes no value
  std::string about, group;
  std::vector<std::pair<std::string, std::string>> choices = {};  // a name and what it means, where that needs a line
  std::string environment;                                        // the variable that gives it as well
  bool has_place = false;
};

struct CommandDoc {
  std::string name, about;
  std::vector<FlagDoc> flags;
  std::vector<CommandDoc> commands;
};

// A script for bash, zsh or fish. ErrorKind::usage for another shell.
std::string completion(const CommandDoc& program, const std::string& shell);

// roff, for man(1).
std::string man_page(const CommandDoc& program, const std::string& version);

// a, b, c of a|b|c; nothing for other types.
std::vector<std::string> choices(const std::string& type);

}  // namespace seedstory
