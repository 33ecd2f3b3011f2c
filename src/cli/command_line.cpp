#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/paths.h"
#include "cli/terminal.h"
#include "seedstory/error.h"
#include "text/utf8.h"

namespace seedstory {
namespace {

// Linux takes 128 KiB as one argument.
constexpr size_t kLongestArgument = 100000;

// Words that mean themselves in sh, bash, zsh and fish. Not = and %, which begin words of zsh's and fish's own.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./,:@+").find(c) != std::string_view::npos;
}

// A number as it is, a string quoted; what a hostile file holds instead is quoted too.
std::string word(const Json& value) {
  return shell_quote(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string flag(const char* name, const Json& value) {
  const std::string text = word(value);
  const bool looks_like_flag =
      text.starts_with("-") || (value.is_string() && value.get<std::string>().starts_with("-"));
  return fmt::format(" {}{}{}", name, looks_like_flag ? "=" : " ", text);
}

std::string sampling_flags(const Json& sampling) {
  const std::string line = flag("--temp", sampling.at("temp"));
  const std::string rest = flag("--repeat-penalty", sampling.at("repeat_penalty"));
  if (sampling.at("temp") == 0) return line + rest;  // nothing is drawn; the program warns of more
  return line + flag("--top-k", sampling.at("top_k")) + flag("--top-p", sampling.at("top_p")) +
         flag("--min-p", sampling.at("min_p")) + rest;
}

// What a frame says of itself is a stranger's word: of its flags only those that name a model's files are printed. A
// model that was not named is the one that ships, which a variable must not replace.
std::string model_flags(const Json& flags) {
  constexpr std::string_view kNames[] = {"--model", "--hf-repo", "--vit",         "--llm",
                                         "--unet",  "--vae",     "--detokenizer", "--tokenizer"};
  std::string line;
  for (const auto& [name, value] : flags.items()) {
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames) || !value.is_string())
      fail_input(fmt::format("its model's flags have {} {}, expected only files of a model ({} and the like)", name,
                             value.dump_replacing(-1, true), kNames[0]));
    line += flag(name.c_str(), value);
  }
  if (!flags.contains("--model") && !flags.contains("--hf-repo"))
    line = flag("--model", shipped_model().string()) + line;
  return line;
}

std::string in_quotes(std::string_view text) {
  std::string quoted;
  bool open = false;
  for (const char c : text) {
    if (open == (c == '\'' || c == '\\')) {
      quoted += '\'';
      open = !open;
    }
    quoted += c == '\'' ? "\"'\"" : c == '\\' ? "\\\\" : std::string(1, c);
  }
  return open ? quoted + "'" : quoted;
}

// $(...) cuts line breaks at its end, which follow in quotes; printf takes octals in every shell.
std::string in_printf(std::string_view text) {
  const size_t end = text.find_last_not_of('\n') + 1;
  const std::string breaks(text.substr(end));
  std::string spelled;
  for (text = text.substr(0, end); !text.empty();) {
    const std::string_view character = text.substr(0, std::max<size_t>(first_character(text).length, 1));
    text.remove_prefix(character.size());
    const bool stays = (is_plain(character[0]) && character != "-") || character == " " || character == "\n" ||
                       (uint8_t(character[0]) >= 0x80 && printable(character) == character);
    if (character == "%")
      spelled += "%%";
    else if (stays)
      spelled += character;
    else
      for (const char c : character) spelled += fmt::format("\\{:03o}", uint8_t(c));
  }
  return "\"$(printf '" + spelled + "')\"" + (breaks.empty() ? "" : "'" + breaks + "'");
}

std::string build(const Json& story, const std::filesystem::path& folder, const std::string& output) {
  const Json& request = story.at("request");
  const auto command = story.at("command").get<std::string>();
  if (command != "generate" && command != "visualize")
    fail_input(fmt::format("its command is {}, expected generate or visualize", command));
  // Long texts, and those that look like flags, come through a pipe: the shell's own printf takes words of any length.
  // Everything is said, so that neither a variable nor the configuration file changes the story.
  std::string line = "seedstory " + command, text;
  if (command == "visualize") {
    line += " --captions -";
    text = shell_quote(request.at("captions").dump(1));
  } else if (const auto prompt = request.at("prompt").get<std::string>();
             prompt.size() > kLongestArgument || prompt.starts_with("--")) {
    line += " --prompt-file -";
    text = shell_quote(prompt);
  } else {
    line += flag("--prompt", prompt);
  }
  if (!text.empty()) line = fmt::format("printf '%s\\n' {} | {}", text, line);
  if (!request.at("image").is_null()) line += flag("--image", (folder / "000.png").string());
  line += flag("--frames", request.at("frames")) + flag("--seed", request.at("seed"));
  line += request.at("seed_per_frame") == true ? " --seed-per-frame" : " --seed-per-frame=false";
  line += flag("--rng", request.at("rng")) + flag("--steps", request.at("steps")) +
          flag("--sampling-method", request.value("sampling_method", "euler").get<std::string>()) +
          flag("--scheduler", request.value("scheduler", "discrete").get<std::string>()) +
          flag("--cfg-scale", request.at("cfg_scale")) + flag("--width", request.at("width")) +
          flag("--height", request.at("height")) + flag("--policy", request.at("policy"));
  if (request.at("policy") != "dense") line += flag("--window", request.at("window"));
  if (command == "generate" || request.at("policy") == "compat_vis")
    line += flag("--max-tokens", request.at("max_tokens"));
  if (command == "generate") line += sampling_flags(request.at("sampling"));
  line += flag("--type", request.at("type")) + flag("--device", request.at("backend"));
  for (const auto& [name, key] : {std::pair{"--products", "products"},
                                  {"--cache-type-k", "cache_type_k"},
                                  {"--cache-type-v", "cache_type_v"},
                                  {"--kernels", "kernels"}})
    if (request.contains(key)) line += flag(name, request.at(key));
  return line + model_flags(story.at("model").at("flags")) + " --no-settings -o " + output;
}

}  // namespace

// Between single quotes everything but ' and, in fish, \ is itself; those two stand outside. A word with characters
// that must not reach a terminal is spelled by printf, all of it: fish 3.6 misreads a $ between quotes behind "$(...)".
std::string shell_quote(std::string_view text) {
  if (text.empty()) return "''";
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string lines(text);
  std::replace(lines.begin(), lines.end(), '\n', ' ');
  return printable(lines) == lines && lines.find('\t') == std::string::npos ? in_quotes(text) : in_printf(text);
}

std::string new_folder() {
  std::error_code none;
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? "again" : fmt::format("again-{}", number);
    if (!std::filesystem::exists(std::filesystem::symlink_status(name, none))) return name;
  }
}

std::string command_line(const Json& story, const std::filesystem::path& folder, const std::string& output) {
  try {
    return build(story, folder, output);
  } catch (const JsonError& error) {
    fail_input(fmt::format("this is not the whole of a story's data: {}", error.what()));
  }
}

}  // namespace seedstory
