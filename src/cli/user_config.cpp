#include "cli/user_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlank = " \t\r";

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// One line, read from left to right.
class Line {
 public:
  Line(std::string_view text, std::string place) : rest_(text), place_(std::move(place)) {}

  void skip_blank() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size())); }
  bool at_end() const { return rest_.empty() || rest_[0] == '#'; }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string bare() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_bare);
    return cut(size_t(end - rest_.begin()));
  }

  // generate.steps, and [generate.fast], which is none of ours.
  std::string dotted() {
    std::string name = bare();
    while (!name.empty() && take('.')) name += "." + bare();
    return name;
  }

  // What is left of the line but a comment: a number or a boolean.
  std::string plain() { return cut(std::min(rest_.find_first_of(" \t\r#"), rest_.size())); }

  std::string quoted(char quote) {
    std::string text;
    while (!rest_.empty() && rest_[0] != quote) {
      char c = next();
      if (c == '\\' && quote == '"') c = escaped();
      text += c;
    }
    if (!take(quote)) wrong("a string that does not end in its line");
    return text;
  }

  [[noreturn]] void wrong(const std::string& what) const {
    fail_input(fmt::format("{}: {}; expected KEY = VALUE or [COMMAND]", place_, what));
  }

 private:
  std::string cut(size_t length) {
    const std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  char next() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  char escaped() {
    if (rest_.empty()) wrong("a string that does not end in its line");
    const char c = next();
    constexpr std::string_view kNames = "\"\\ntr", kMeanings = "\"\\\n\t\r";
    const size_t at = kNames.find(c);
    if (at == std::string_view::npos) wrong(fmt::format("\\{} in a string", c));
    return kMeanings[at];
  }

  std::string_view rest_;
  std::string place_;
};

// 1_000 is TOML's 1000.
std::string without_separators(const std::string& text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '_' || i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1]))
      out += text[i];
  return out;
}

std::string parse_value(Line& line, const std::string& key) {
  if (line.take('"')) return line.quoted('"');
  if (line.take('\'')) return line.quoted('\'');
  const std::string value = without_separators(line.plain());
  char* end = nullptr;
  std::strtod(value.c_str(), &end);
  const bool is_number =
      !value.empty() && *end == '\0' && value.find_first_not_of("+-.0123456789eE") == std::string::npos;
  if (!is_number && value != "true" && value != "false")
    line.wrong(key + (value.empty() ? " without a value"
                                    : " with a value that is no number, no true, no false and not in quotes"));
  return value;
}

std::string parse_table(Line& line) {
  line.skip_blank();
  const std::string table = line.dotted();
  line.skip_blank();
  if (table.empty() || !line.take(']')) line.wrong("a table's name that does not end with ]");
  return table;
}

void need_end(Line& line) {
  line.skip_blank();
  if (!line.at_end()) line.wrong("something after the value");
}

}  // namespace

std::vector<Setting> parse_config(std::string_view text, const std::string& file, std::vector<Setting>* tables) {
  std::vector<Setting> settings, headers;
  std::string table;
  const auto need_new = [](const Setting& setting, const std::vector<Setting>& before, const std::string& name) {
    for (const Setting& other : before)
      if (other.table == setting.table && other.key == setting.key)
        fail_input(fmt::format("{}: {} is in {} already", setting.place, name, other.place));
  };
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t length = std::min(text.find('\n'), text.size());
    const std::string place = fmt::format("{}:{}", file, number);
    Line line(text.substr(0, length), place);
    text.remove_prefix(std::min(length + 1, text.size()));

    line.skip_blank();
    if (line.at_end()) continue;
    if (line.take('[')) {
      table = parse_table(line);
      need_end(line);
      need_new({place, table, "", ""}, headers, "[" + table + "]");
      headers.push_back({place, table, "", ""});
      continue;
    }
    const std::string name = line.dotted();
    const size_t dot = name.rfind('.');
    const std::string key = name.substr(dot + 1);  // of npos, from the beginning
    const std::string above = dot == std::string::npos ? "" : name.substr(0, dot);
    line.skip_blank();
    if (key.empty() || !line.take('=')) line.wrong("a line without =");
    line.skip_blank();
    const std::string value = parse_value(line, key);
    need_end(line);
    const std::string own = table + (table.empty() || above.empty() ? "" : ".") + above;
    need_new({place, own, key, value}, settings, key);
    settings.push_back({place, own, key, value});
  }
  if (tables) {
    *tables = std::move(headers);
    std::copy_if(settings.begin(), settings.end(), std::back_inserter(*tables),
                 [](const Setting& setting) { return !setting.table.empty(); });
  }
  return settings;
}

fs::path config_folder() {
  const auto folder = [](const char* variable) {
    const char* value = std::getenv(variable);
    const fs::path path = value ? value : "";
    return path.is_absolute() ? path : fs::path();
  };
  fs::path base = folder("XDG_CONFIG_HOME");
  if (base.empty() && !folder("HOME").empty()) base = folder("HOME") / ".config";
  return base.empty() ? base : base / "seedstory";
}

std::optional<fs::path> config_file() {
  const fs::path folder = config_folder();
  if (folder.empty()) return std::nullopt;
  const fs::path file = folder / "config.toml";
  std::error_code none;
  return fs::exists(file, none) ? std::optional(file) : std::nullopt;
}

}  // namespace seedstory
