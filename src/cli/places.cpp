#include "cli/places.h"

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/hf_cache.h"
#include "io/file.h"
#include "seedstory/error.h"
#include "story/published.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostText = 16 << 20;

constexpr size_t kMostPicture = 256 << 20;

std::string read_stream(std::istream& in, const std::string& name, size_t most) {
  std::string text;
  char block[1 << 16];
  while (in.read(block, sizeof block) || in.gcount()) {
    text.append(block, size_t(in.gcount()));
    if (text.size() > most) fail_input(fmt::format("{}: over {} bytes", name, most));
  }
  return text;
}

std::string name_of_input(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

// Standard input, and pipes as <(command) gives them, cannot be mapped.
bool is_stream(const std::string& path) {
  std::error_code none;
  return path == "-" || (fs::exists(path, none) && !fs::is_regular_file(path, none) && !fs::is_directory(path, none));
}

std::string read_stream(const std::string& path, size_t most) {
  if (path == "-") return read_stream(std::cin, name_of_input(path), most);
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_input(fmt::format("{}: cannot be read", path));
  return read_stream(in, path, most);
}

// The length of the UTF-8 character that begins the text; 0: none does. Over-long forms and surrogates are none.
size_t utf8_character(std::string_view text) {
  const auto byte = [&](size_t i) { return uint32_t(uint8_t(text[i])); };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  uint32_t code = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < kLeast[length] || code > 0x10ffff || surrogate ? 0 : length;
}

}  // namespace

fs::path shipped_model() {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& place : {program / "../share/seedstory/nano", program / "../weights/nano",
                                fs::path(SEEDSTORY_SOURCE_DIR) / "weights/nano"})
    if (fs::exists(place / "model.json", none)) return place.lexically_normal();
  fail_input(
      "no model: the nano that ships with the program was not found beside it; name a model directory with --model DIR "
      "or $SEEDSTORY_MODEL");
}

bool is_published_name(const ModelFlags& f) {
  std::error_code none;
  return f.model == kPublishedModel && !fs::exists(*f.model, none);
}

ModelPaths find_model(const ModelFlags& f) {
  if (is_published_name(f))
    fail_input(
        fmt::format("{}: no such model directory; plan knows its sizes, and seedstory doctor -hf {} names its files",
                    *f.model, kPublishedRepo));
  ModelPaths paths;
  if (f.hf_repo)
    paths = find_hf_model(*f.hf_repo);
  else
    paths.dir = f.model ? fs::path(*f.model) : shipped_model();
  return with_given_files(std::move(paths), f);
}

ModelPaths with_given_files(ModelPaths paths, const ModelFlags& f) {
  const auto overrule = [](fs::path& path, const std::optional<std::string>& given) {
    if (given) path = *given;
  };
  overrule(paths.vit, f.vit);
  overrule(paths.llm, f.llm);
  overrule(paths.detokenizer, f.detokenizer);
  overrule(paths.unet, f.unet);
  overrule(paths.vae, f.vae);
  overrule(paths.tokenizer, f.tokenizer);
  return paths;
}

std::string story_folder(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string words, word;
  const auto end_word = [&] {
    if (!word.empty() && words.size() + 1 + word.size() <= kMost) words += "-" + word;
    word.clear();
  };
  for (const char c : text.substr(0, 2 * kMost)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      word += c;
    else if (c >= 'A' && c <= 'Z')
      word += char(c - 'A' + 'a');
    else if (c != '\'')
      end_word();
  }
  end_word();
  return "story" + words;
}

std::string read_user_text(const std::string& path) {
  std::string text = is_stream(path) ? read_stream(path, kMostText) : read_text_file(path, kMostText);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  if (!is_utf8(text)) fail_input(fmt::format("{}: is not UTF-8 text", name_of_input(path)));
  return text;
}

Picture read_user_picture(const std::string& path, Pixels pixels) {
  if (!is_stream(path)) {
    const MappedFile file(path);
    return read_picture(file.bytes(), path, pixels);
  }
  const std::string bytes = read_stream(path, kMostPicture);
  return read_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name_of_input(path), pixels);
}

void need_one_stdin(const std::optional<std::string>& image, const char* flag, const std::optional<std::string>& text) {
  if (image == "-" && text == "-")
    fail_usage(fmt::format("--image -: not with {} -, there is one standard input", flag));
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace seedstory
