#include "cli/paths.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/build_info.h"
#include "cli/did_you_mean.h"
#include "cli/hf_cache.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "io/file.h"
#include "load/published.h"
#include "seedstory/error.h"
#include "text/normal_text.h"
#include "text/utf8.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostText = 16 << 20;
constexpr const char* kEmpty = "is empty";
constexpr size_t kMostPicture = 256 << 20;

// Standard input, and pipes as <(command) gives them, cannot be mapped.
bool is_stream(const std::string& path) {
  std::error_code none;
  return path == "-" || (fs::exists(path, none) && !fs::is_regular_file(path, none) && !fs::is_directory(path, none));
}

std::string read_user_stream(const std::string& path, size_t most) {
  return path == "-" ? read_descriptor(STDIN_FILENO, user_text_name(path), most) : read_stream(path, most);
}

}  // namespace

// Beside an installed program, beside one that was copied, in the source tree.
static std::vector<fs::path> shipped_places() {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none).parent_path();
  return {program / "../share/seedstory/nano", program / "../weights/nano",
          fs::path(kBuildInfo.source_dir) / "weights/nano"};
}

fs::path shipped_model() {
  std::error_code none;
  for (const fs::path& place : shipped_places())
    if (fs::exists(place / "model.json", none)) return place.lexically_normal();
  fail_input(
      "no model: the nano that ships with the program was not found beside it; name a model directory with --model DIR "
      "or $SEEDSTORY_MODEL");
}

bool is_shipped_model(const fs::path& dir) {
  std::error_code none;
  for (const fs::path& place : shipped_places())
    if (fs::equivalent(dir, place, none)) return true;
  return false;
}

bool is_published_name(const ModelFlags& f) {
  return f.model == kPublishedModel && !is_model_folder(*f.model);
}

bool is_model_folder(const fs::path& dir) {
  std::error_code none;
  for (const char* name : {"model.json", "seedstory.json", "seed_story", "detokenizer", "detokenizer_george_adapted",
                           "cvlm_llama2_tokenizer", "stable-diffusion-xl-base-1.0", "visual_tokenizer", "pretrained"})
    if (fs::exists(dir / name, none)) return true;
  return false;
}

// A slip is most likely in a name that lies beside others.
static void need_model_folder(const fs::path& dir) {
  std::error_code none;
  if (fs::is_directory(dir, none)) return;
  if (fs::exists(dir, none)) fail_input(fmt::format("{}: is a file, expected a model's folder", dir.string()));
  std::vector<std::string> names = {kPublishedModel};
  for (const auto& entry : fs::directory_iterator(dir.has_parent_path() ? dir.parent_path() : fs::path("."), none))
    if (fs::exists(entry.path() / "model.json", none))
      names.push_back((dir.parent_path() / entry.path().filename()).string());
  fail_input(fmt::format("{}: no such model directory{}", dir.string(), did_you_mean(dir.string(), names)));
}

ModelPaths find_model(const ModelFlags& f) {
  std::error_code none;
  if (is_published_name(f))
    fail_input(
        fmt::format("{}: no such model directory{}; plan knows its sizes, and seedstory doctor -hf {} names its files",
                    *f.model, fs::exists(*f.model, none) ? " (what is there holds no model)" : "", kPublishedRepo));
  ModelPaths paths;
  if (f.hf_repo)
    paths = find_hf_model(*f.hf_repo);
  else
    paths.dir = f.model ? fs::path(*f.model) : shipped_model();
  if (f.model) need_model_folder(paths.dir);
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

// é as e. Letters that are no other letter with a mark as they are written on a keyboard without them.
static std::string in_ascii(std::string_view text) {
  constexpr std::pair<std::string_view, const char*> kLetters[] = {
      {"ß", "ss"}, {"ẞ", "ss"}, {"æ", "ae"}, {"Æ", "ae"}, {"œ", "oe"}, {"Œ", "oe"}, {"ø", "o"},  {"Ø", "o"}, {"ł", "l"},
      {"Ł", "l"},  {"đ", "d"},  {"Đ", "d"},  {"ð", "d"},  {"Ð", "d"},  {"þ", "th"}, {"Þ", "th"}, {"ı", "i"}};
  std::string plain = in_letters_of(text, [](uint32_t code) { return code < 0x80; });
  for (const auto& [letter, as] : kLetters)
    for (size_t at = 0; (at = plain.find(letter, at)) != std::string::npos;) plain.replace(at, letter.size(), as);
  return plain;
}

std::string story_folder(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string words, word;
  bool full = false;
  const auto end_word = [&] {
    full = full || words.size() + 1 + word.size() > kMost;
    if (!word.empty() && !full) words += "-" + word;
    word.clear();
  };
  size_t end = std::min(text.size(), 8 * kMost);
  while (end < text.size() && (uint8_t(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
  for (const char c : in_ascii(text.substr(0, end))) {
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

std::string user_text_name(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

std::string read_user_text(const std::string& path) {
  std::string text = is_stream(path) ? read_user_stream(path, kMostText) : read_text_file(path, kMostText);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  if (const std::string wrong = wrong_in_text(text); !wrong.empty() && wrong != kEmpty)
    fail_input(user_text_name(path) + ": " + wrong);
  return text;
}

std::string wrong_in_text(std::string_view text) {
  if (!is_utf8(text)) return "is not UTF-8 text";
  if (const size_t at = text.find('\0'); at != std::string_view::npos)
    return fmt::format("has a NUL at byte {}, which no text has", at);
  return is_blank(text) ? kEmpty : "";
}

Picture read_user_picture(const std::string& path, Pixels pixels) {
  if (!is_stream(path)) {
    const MappedFile file(path);
    return read_picture(file.bytes(), path, pixels);
  }
  const std::string bytes = read_user_stream(path, kMostPicture);
  return read_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, user_text_name(path), pixels);
}

void need_one_stdin(const std::optional<std::string>& image, const char* flag, const std::optional<std::string>& text) {
  if (image == "-" && text == "-")
    fail_usage(fmt::format("--image -: not with {} -, there is one standard input", flag));
}

ModelDir open_model_or_sizes(const ModelFlags& flags) {
  const bool in_cache = flags.hf_repo == kPublishedRepo && hf_snapshot(*flags.hf_repo);
  if (!is_published_name(flags) && (flags.hf_repo != kPublishedRepo || in_cache)) {
    const ModelPaths paths = find_model(flags);
    say_on_stderr(paths.note);
    if (flags.model == kPublishedModel) say_on_stderr(fmt::format("{0}: is the folder of that name", kPublishedModel));
    return open_model(paths);
  }
  std::error_code none;
  if (flags.model && std::filesystem::exists(*flags.model, none))
    say_on_stderr(
        fmt::format("{}: what has that name here holds no model; the published sizes are taken", *flags.model));
  if (const auto given = given_model_flags(flags); given.size() > 1)
    fail_usage(
        fmt::format("{}: of {} only the sizes are here, and none of its files", given[1].first, given[0].second));
  return published_sizes();
}

}  // namespace seedstory
