// Models that `hf download` has put into Hugging Face's cache. Nothing here downloads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "story/model_dir.h"

namespace seedstory {

// $HF_HUB_CACHE, else $HF_HOME/hub, else huggingface/hub in $XDG_CACHE_HOME or ~/.cache.
std::filesystem::path hf_cache();

// The folder of a repository's newest snapshot ("models" or "spaces" of USER/NAME); nothing: not in the cache.
// ErrorKind::usage: not USER/NAME. ErrorKind::input: what the cache says of its newest snapshot is not a commit.
std::optional<std::filesystem::path> hf_snapshot(const std::string& repo, const std::string& kind = "models");

// The snapshot as a model. What TencentARC/SEED-Story leaves to other repositories is taken from theirs, where the
// cache has them. ErrorKind::input, naming the download, if there is no snapshot.
ModelPaths find_hf_model(const std::string& repo);

}  // namespace seedstory
