#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "seedstory/error.h"

namespace seedstory {
namespace {

using Json = nlohmann::ordered_json;

// Linux takes 128 KiB as one argument.
constexpr size_t kLongestArgument = 100000;

bool is_control(char c) {
  return uint8_t(c) < 0x20 || c == 0x7f;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./,:=@%+").find(c) != std::string_view::npos;
}

// The end mark of a here document: a line that the text does not have.
std::string here_document(const std::string& text) {
  std::string mark = "END";
  while (("\n" + text + "\n").find("\n" + mark + "\n") != std::string::npos) mark += "_";
  return fmt::format(" <<'{}'\n{}\n{}", mark, text, mark);
}

// A number as it is, a string quoted; what a hostile file holds instead is quoted too.
std::string word(const Json& value) {
  return shell_quote(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string flag(const char* name, const Json& value) {
  const std::string text = word(value);
  return fmt::format(" {}{}{}", name, text.starts_with("-") || text.starts_with("'-") ? "=" : " ", text);
}

std::string sampling_flags(const Json& sampling) {
  std::string flags;
  if (sampling.at("temp") != 0.0) {
    flags += flag("--temp", sampling.at("temp"));
    flags += flag("--top-k", sampling.at("top_k"));
    flags += flag("--top-p", sampling.at("top_p"));
    flags += flag("--min-p", sampling.at("min_p"));
  }
  if (sampling.at("repeat_penalty") != 1.0) flags += flag("--repeat-penalty", sampling.at("repeat_penalty"));
  return flags;
}

std::string build(const Json& story, const std::filesystem::path& folder) {
  const Json& request = story.at("request");
  const std::string command = story.at("command");
  std::string line = "seedstory " + shell_quote(command), document;
  if (command == "visualize") {
    line += " --captions -";
    document = here_document(request.at("captions").dump(1));
  } else if (const std::string prompt = request.at("prompt"); prompt.size() > kLongestArgument) {
    line += " --prompt-file -";
    document = here_document(prompt);
  } else {
    line += flag("--prompt", prompt);
  }
  if (!request.at("image").is_null()) line += flag("--image", (folder / "000.png").string());
  line += flag("--frames", request.at("frames")) + flag("--seed", request.at("seed"));
  if (request.at("seed_per_frame") == true) line += " --seed-per-frame";
  line += flag("--rng", request.at("rng")) + flag("--steps", request.at("steps")) +
          flag("--cfg-scale", request.at("cfg_scale")) + flag("--width", request.at("width")) +
          flag("--height", request.at("height")) + flag("--policy", request.at("policy")) +
          flag("--window", request.at("window")) + flag("--max-tokens", request.at("max_tokens")) +
          sampling_flags(request.at("sampling")) + flag("--type", request.at("type")) +
          flag("--device", request.at("backend"));
  for (const auto& [name, value] : story.at("model").at("flags").items())
    line += " " + shell_quote(name) + " " + word(value);
  return line + " -o again" + document;
}

}  // namespace

std::string shell_quote(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  const auto needs_escape = [](char c) { return is_control(c) && c != '\n' && c != '\t'; };
  const bool escaped = std::any_of(text.begin(), text.end(), needs_escape);
  std::string quoted = escaped ? "$'" : "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += escaped ? "\\'" : "'\\''";
    else if (escaped && c == '\\')
      quoted += "\\\\";
    else if (escaped && is_control(c))
      quoted += fmt::format("\\{:03o}", uint8_t(c));
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string command_line(const Json& story, const std::filesystem::path& folder) {
  try {
    return build(story, folder);
  } catch (const Json::exception& error) {
    fail_input(fmt::format("this is not the whole of a story's data: {}", error.what()));
  }
}

}  // namespace seedstory
