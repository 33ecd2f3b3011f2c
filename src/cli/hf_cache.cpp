#include "cli/hf_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "cli/did_you_mean.h"
#include "cli/shell_path.h"
#include "io/file.h"
#include "load/published.h"
#include "seedstory/error.h"
#include "text/normal_text.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

// A folder as the hub's own library reads it from a variable: a file of settings has ~ and $HOME in it, not a shell.
std::optional<fs::path> folder(const char* name) {
  const auto value = variable(name);
  return value ? std::optional<fs::path>(shell_path(*value)) : std::nullopt;
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 96 && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), allowed);
}

bool is_commit(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 40 && std::all_of(text.begin(), text.end(), is_hex);
}

// The first of these that a snapshot has.
std::optional<fs::path> existing(const std::optional<Snapshot>& snapshot, const std::vector<std::string>& names) {
  if (!snapshot) return {};
  std::error_code none;
  for (const std::string& name : names)
    if (fs::exists(snapshot->dir / name, none)) return snapshot->dir / name;
  return {};
}

// Where refs/main leads to nothing, as after `hf download --revision COMMIT`. Of several the one with most files is
// taken, which is not one that broke off; of equals the newest.
std::optional<Snapshot> fullest_snapshot(const fs::path& folder, const std::string& repo, const std::string& why) {
  std::error_code none;
  std::tuple<int64_t, fs::file_time_type, std::string> best;
  int64_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "snapshots", none)) {
    const std::string commit = entry.path().filename().string();
    if (!is_commit(commit) || !entry.is_directory(none)) continue;
    int64_t files = 0;
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(entry.path(), none))
      files += fs::is_regular_file(file.path(), none);
    ++count;
    best = std::max(best, {files, fs::last_write_time(entry.path(), none), commit});
  }
  const std::string& commit = std::get<2>(best);
  if (std::get<0>(best) == 0) return {};
  return Snapshot{folder / "snapshots" / commit,
                  fmt::format("{}: {}; snapshot {} is taken, of {} the one with most files", repo, why, commit, count)};
}

void note(const Snapshot& snapshot, ModelPaths& paths) {
  if (!snapshot.note.empty()) paths.note += (paths.note.empty() ? "" : "; ") + snapshot.note;
}

// What the published repository leaves to others.
void find_other_parts(ModelPaths& paths) {
  const std::optional<Snapshot> here = Snapshot{paths.dir, ""};
  const auto take = [&](fs::path& part, const std::optional<Snapshot>& snapshot,
                        const std::vector<std::string>& names) {
    const auto file = existing(snapshot, names);
    if (!file || !part.empty()) return;
    part = *file;
    note(*snapshot, paths);
  };
  if (!existing(here, {"stable-diffusion-xl-base-1.0"})) {
    auto sdxl = hf_snapshot("stabilityai/stable-diffusion-xl-base-1.0");
    take(paths.unet, sdxl, diffusers_files("unet"));
    if (sdxl && !paths.unet.empty()) sdxl->note.clear();  // said once
    take(paths.vae, sdxl, diffusers_files("vae"));
  }
  if (!existing(here, {"visual_tokenizer", "QwenViT", "Qwen-VL-Chat"})) {
    take(paths.vit, hf_snapshot(kPublishedRepo, "spaces"), {"pretrained/qwen_vit_G.pt"});
    take(paths.vit, hf_snapshot("Qwen/Qwen-VL-Chat"), {"pytorch_model.bin.index.json"});
  }
}

}  // namespace

fs::path hf_cache() {
  if (const auto cache = folder("HF_HUB_CACHE")) return *cache;
  if (const auto cache = folder("HUGGINGFACE_HUB_CACHE")) return *cache;
  if (const auto home = folder("HF_HOME")) return *home / "hub";
  if (const fs::path xdg = variable("XDG_CACHE_HOME").value_or(""); xdg.is_absolute()) return xdg / "huggingface/hub";
  if (const auto home = variable("HOME")) return fs::path(*home) / ".cache/huggingface/hub";
  fail_input("--hf-repo: no cache; neither $HF_HUB_CACHE nor $HF_HOME nor $HOME is set");
}

fs::path hf_folder(const std::string& repo, const std::string& kind) {
  constexpr std::string_view kSite = "https://huggingface.co/";
  if (repo.starts_with(kSite))
    fail_usage(fmt::format("--hf-repo {}: expected USER/MODEL, which is {}", repo, repo.substr(kSite.size())));
  const size_t slash = repo.find('/');
  if (slash == std::string::npos || !is_name(repo.substr(0, slash)) || !is_name(repo.substr(slash + 1)))
    fail_usage(fmt::format("--hf-repo {}: expected USER/MODEL", repo));
  return hf_cache() / fmt::format("{}--{}--{}", kind, repo.substr(0, slash), repo.substr(slash + 1));
}

std::optional<Snapshot> hf_snapshot(const std::string& repo, const std::string& kind) {
  const fs::path folder = hf_folder(repo, kind), ref = folder / "refs/main";
  std::error_code none;
  if (!fs::exists(ref, none)) return fullest_snapshot(folder, repo, "the cache has no refs/main");
  std::string commit = read_text_file(ref, 1024);
  if (commit.ends_with('\n')) commit.pop_back();
  if (is_blank(commit)) return fullest_snapshot(folder, repo, "the cache's refs/main is empty");
  // It becomes a part of a path: nothing but a commit will do.
  if (!is_commit(commit)) fail_input(fmt::format("{}: expected a commit, 40 hexadecimal digits", ref.string()));
  const fs::path snapshot = folder / "snapshots" / commit;
  if (fs::is_directory(snapshot, none) && !fs::is_empty(snapshot, none)) return Snapshot{snapshot, ""};
  return fullest_snapshot(folder, repo, fmt::format("the cache's refs/main names {}, which is not there", commit));
}

ModelPaths find_hf_model(const std::string& repo) {
  const auto snapshot = hf_snapshot(repo);
  if (!snapshot) {
    const std::string meant = nearest(repo, {kPublishedRepo});
    fail_input(fmt::format(
        "--hf-repo {}: is not in {}, and this program downloads nothing; {}", repo, hf_cache().string(),
        repo == kPublishedRepo ? fmt::format("its parts are in three repositories: seedstory doctor -hf {}", repo)
        : meant.empty()        ? "run: hf download " + repo
                               : fmt::format("did you mean {}?", meant)));
  }
  ModelPaths paths;
  paths.dir = snapshot->dir;
  note(*snapshot, paths);
  if (!existing(snapshot, {"model.json"})) find_other_parts(paths);
  return paths;
}

ModelPaths find_published_parts() {
  const auto snapshot = hf_snapshot(kPublishedRepo);
  ModelPaths paths;
  paths.dir = snapshot ? snapshot->dir : hf_folder(kPublishedRepo, "models");
  if (snapshot) note(*snapshot, paths);
  paths.may_be_absent = true;
  find_other_parts(paths);
  return paths;
}

}  // namespace seedstory
