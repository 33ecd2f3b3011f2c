// The configuration file: flags that a person wants every time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seedstory {

struct Setting {
  std::string place;  // "FILE:LINE"
  std::string table;  // "generate" below [generate]; empty above all tables
  std::string key, value;
};

// The part of TOML that flags need: tables, comments, and keys, also dotted ones, with a string, a number or a boolean.
// ErrorKind::input with FILE:LINE for anything else, and for what is there twice. `tables` gets each place that names a
// table, also one without a key.
std::vector<Setting> parse_config(std::string_view text, const std::string& file,
                                  std::vector<Setting>* tables = nullptr);

// $XDG_CONFIG_HOME/seedstory/config.toml, or below ~/.config where that is unset or relative; nothing if there is none.
std::optional<std::filesystem::path> config_file();
std::filesystem::path config_folder();  // where it is looked for; empty: nowhere

}  // namespace seedstory
