#include "cli/outputs.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/paths.h"
#include "cli/user_config.h"
#include "io/file.h"
#include "output/output_paths.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

struct Place {
  std::string what;  // "--sheet a.png"
  fs::path end;      // empty: it has no name of its own
  std::optional<FileId> id;
};

bool is_device(const fs::path& path) {
  std::error_code none;
  return fs::is_character_file(path, none);
}

// /dev/null takes everything, and is nobody's.
Place place(const std::string& flag, const fs::path& path) {
  Place place{.what = flag + " " + path.string(), .end = {}, .id = {}};
  if (is_device(path)) return place;
  place.end = end_of_links(path);
  place.id = file_id(path);
  return place;
}

// What a shell connected; nothing where it is a terminal or another device.
std::optional<Place> descriptor(const std::string& what, int fd) {
  struct stat info;
  if (::fstat(fd, &info) != 0 || S_ISCHR(info.st_mode)) return std::nullopt;
  return Place{.what = what, .end = {}, .id = FileId{.device = info.st_dev, .inode = info.st_ino}};
}

bool is_same(const Place& a, const Place& b) {
  return (!a.end.empty() && a.end == b.end) || (a.id && a.id == b.id);
}

void need_other(const Place& output, const Place& other) {
  if (is_same(output, other)) fail_usage(fmt::format("{} and {}: are one file", output.what, other.what));
}

std::vector<Place> named_outputs(const StoryFlags& flags, const fs::path& folder) {
  std::vector<Place> places;
  if (flags.sheet && (!folder.empty() || fs::path(*flags.sheet).has_parent_path()))
    places.push_back(place("--sheet", sheet_file(*flags.sheet, folder)));
  if (flags.trace) {
    places.push_back(place("--trace", *flags.trace));
    places.push_back(place("--trace's", *flags.trace + ".json"));
  }
  if (flags.terminal.log_file) places.push_back(place("--log-file", *flags.terminal.log_file));
  return places;
}

std::vector<Place> connected_outputs(const StoryFlags& flags) {
  std::vector<Place> places;
  const auto add = [&](const std::string& what, int fd) {
    if (const auto connected = descriptor(what, fd)) places.push_back(*connected);
  };
  add("standard output", STDOUT_FILENO);
  add("standard error", STDERR_FILENO);
  if (const auto fd = flags.terminal.progress_fd; fd && *fd > STDERR_FILENO && *fd < 1 << 20)
    add(fmt::format("--progress-fd {}", *fd), int(*fd));
  return places;
}

// A model's files. Of a folder those that are there, so that a new file beside them is nobody's.
void add_model(std::vector<Place>& places, const fs::path& path) {
  constexpr int kDeepest = 5, kMost = 20000;  // somebody may name a whole disk
  std::error_code none;
  if (path.empty()) return;
  if (!fs::is_directory(path, none)) {
    places.push_back(place("the model's", path));
    if (path.string().ends_with(".index.json")) add_model(places, path.has_parent_path() ? path.parent_path() : ".");
    return;
  }
  int count = 0;
  for (auto at = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, none);
       at != fs::recursive_directory_iterator() && count < kMost; at.increment(none), ++count) {
    if (at.depth() >= kDeepest) at.disable_recursion_pending();
    if (fs::is_regular_file(at->path(), none))
      places.push_back({.what = "the model's " + at->path().string(), .end = {}, .id = file_id(at->path())});
  }
}

std::vector<Place> inputs(const StoryFlags& flags, const std::optional<std::string>& config) {
  std::vector<Place> places;
  const auto add = [&](const char* flag, const std::optional<std::string>& path) {
    if (path && *path != "-") places.push_back(place(flag, *path));
  };
  add("--prompt-file", flags.prompt_file);
  add("--captions", flags.captions);
  add("--image", flags.image);
  add("--config", config);
  if (const auto usual = config_file(); usual && !config) places.push_back(place("the configuration", *usual));
  if (const auto in = descriptor("standard input", STDIN_FILENO)) places.push_back(*in);
  return places;
}

std::vector<Place> model_files(const StoryFlags& flags) {
  std::vector<Place> places;
  ModelPaths model;
  try {
    model = find_model(flags);
  } catch (const Error&) {
    return places;  // tell() finds out as well, and says so
  }
  for (const fs::path& path :
       {model.dir, model.vit, model.llm, model.detokenizer, model.unet, model.vae, model.tokenizer})
    add_model(places, path);
  return places;
}

// The names that the story needs for itself, and what is behind them by now.
void need_outside(const Place& place, const fs::path& folder) {
  const auto name = place.end.empty() ? std::nullopt : name_in(place.end, folder);
  if (name && is_story_file(*name))
    fail_usage(fmt::format("{}: is a file of the story itself, in {}", place.what, folder.string()));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (is_story_file(entry.path().filename().string()) && place.id && place.id == file_id(entry.path()))
      fail_usage(fmt::format("{} and the story's {}: are one file", place.what, entry.path().string()));
}

// While the folder has no name yet, a log file would be opened before it has one.
void need_other_name(const StoryFlags& flags) {
  const auto refuse = [](const char* flag, const std::string& name) {
    fail_usage(fmt::format("{} {}: is the name of a file of the story itself", flag, name));
  };
  const auto is_taken = [](const fs::path& path) { return is_story_file(path.filename().string()); };
  if (flags.sheet && !fs::path(*flags.sheet).has_parent_path() && is_taken(*flags.sheet))
    refuse("--sheet", *flags.sheet);
  if (const auto& log = flags.terminal.log_file; log && !flags.output && is_taken(end_of_links(*log)))
    refuse("--log-file", *log);
}

// What has no ending may be a pipe, a device or /dev/fd/3.
void need_png(const std::string& sheet) {
  std::string ending = fs::path(sheet).extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  std::error_code none;
  const bool is_stream = fs::exists(sheet, none) && !fs::is_regular_file(sheet, none);
  if (!ending.empty() && ending != ".png" && !is_stream)
    fail_usage(fmt::format("--sheet {}: expected a name that ends in .png, which is what a sheet is", sheet));
}

}  // namespace

void need_distinct_files(const StoryFlags& flags, const std::optional<std::string>& config, const fs::path& folder) {
  if (flags.sheet && flags.sheet->empty()) fail_usage("--sheet: expected a file's name");
  need_other_name(flags);
  const std::vector<Place> named = named_outputs(flags, folder), connected = connected_outputs(flags);
  const std::vector<Place> read = inputs(flags, config);
  for (const Place& output : connected)
    for (const Place& input : read) need_other(output, input);
  if (!folder.empty()) {
    const Place own = place("-o", folder);
    for (const Place& output : named) need_other(output, own);
    for (const auto* places : {&named, &read, &connected})
      for (const Place& place : *places) need_outside(place, folder);
  }
  std::vector<Place> model;
  if (std::any_of(named.begin(), named.end(), [](const Place& output) { return output.id.has_value(); }))
    model = model_files(flags);
  for (size_t i = 0; i < named.size(); ++i) {
    for (size_t k = i + 1; k < named.size(); ++k) need_other(named[i], named[k]);
    for (const auto* places : {&connected, &read, &std::as_const(model)})
      for (const Place& other : *places) need_other(named[i], other);
  }
  if (flags.sheet) need_png(*flags.sheet);
}

}  // namespace seedstory
