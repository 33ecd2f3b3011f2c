#include "cli/hf_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "io/file.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? std::optional<fs::path>(value) : std::nullopt;
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
std::optional<fs::path> existing(const std::optional<fs::path>& dir, std::initializer_list<const char*> names) {
  if (!dir) return {};
  std::error_code none;
  for (const char* name : names)
    if (fs::exists(*dir / name, none)) return *dir / name;
  return {};
}

}  // namespace

fs::path hf_cache() {
  if (const auto cache = variable("HF_HUB_CACHE")) return *cache;
  if (const auto home = variable("HF_HOME")) return *home / "hub";
  if (const auto xdg = variable("XDG_CACHE_HOME"); xdg && xdg->is_absolute()) return *xdg / "huggingface/hub";
  if (const auto home = variable("HOME")) return *home / ".cache/huggingface/hub";
  fail_input("--hf-repo: no cache; neither $HF_HUB_CACHE nor $HF_HOME nor $HOME is set");
}

std::optional<fs::path> hf_snapshot(const std::string& repo, const std::string& kind) {
  const size_t slash = repo.find('/');
  if (slash == std::string::npos || !is_name(repo.substr(0, slash)) || !is_name(repo.substr(slash + 1)))
    fail_usage(fmt::format("--hf-repo {}: expected USER/MODEL", repo));
  const fs::path folder = hf_cache() / fmt::format("{}--{}--{}", kind, repo.substr(0, slash), repo.substr(slash + 1));
  const fs::path ref = folder / "refs/main";
  std::error_code none;
  if (!fs::exists(ref, none)) return {};
  std::string commit = read_text_file(ref, 1024);
  if (commit.ends_with('\n')) commit.pop_back();
  // It becomes a part of a path: nothing but a commit will do.
  if (!is_commit(commit)) fail_input(fmt::format("{}: expected a commit, 40 hexadecimal digits", ref.string()));
  const fs::path snapshot = folder / "snapshots" / commit;
  return fs::is_directory(snapshot, none) ? std::optional(snapshot) : std::nullopt;
}

ModelPaths find_hf_model(const std::string& repo) {
  const auto snapshot = hf_snapshot(repo);
  if (!snapshot)
    fail_input(fmt::format("--hf-repo {}: is not in {}, and this program downloads nothing; run: hf download {}", repo,
                           hf_cache().string(), repo));
  ModelPaths paths;
  paths.dir = *snapshot;
  if (existing(snapshot, {"model.json"})) return paths;

  const auto sdxl = hf_snapshot("stabilityai/stable-diffusion-xl-base-1.0");
  if (sdxl && !existing(snapshot, {"stable-diffusion-xl-base-1.0"})) {
    paths.unet =
        existing(sdxl, {"unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors"})
            .value_or("");
    paths.vae =
        existing(sdxl, {"vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"})
            .value_or("");
  }
  if (!existing(snapshot, {"visual_tokenizer", "QwenViT", "Qwen-VL-Chat"})) {
    const auto space = existing(hf_snapshot("TencentARC/SEED-Story", "spaces"), {"pretrained/qwen_vit_G.pt"});
    const auto qwen = existing(hf_snapshot("Qwen/Qwen-VL-Chat"), {"pytorch_model.bin.index.json"});
    paths.vit = space ? *space : qwen.value_or("");
  }
  return paths;
}

}  // namespace seedstory
