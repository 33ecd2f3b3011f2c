// Models that `hf download` has put into Hugging Face's cache. Nothing here downloads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "load/model_dir.h"

namespace seedstory {

// $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE (its older name), else $HF_HOME/hub, else huggingface/hub in
// $XDG_CACHE_HOME or ~/.cache. ~ and $VARIABLES in them are read as the hub's library reads them.
std::filesystem::path hf_cache();

struct Snapshot {
  std::filesystem::path dir;
  std::string note;  // which one this is, where the cache does not say which is the newest
};

// The folder of a repository ("models" or "spaces" of USER/NAME) in the cache, there or not. ErrorKind::usage: not
// USER/NAME.
std::filesystem::path hf_folder(const std::string& repo, const std::string& kind);

// A repository's newest snapshot; nothing: not in the cache. ErrorKind::input: what the cache says of its newest
// snapshot is not a commit.
std::optional<Snapshot> hf_snapshot(const std::string& repo, const std::string& kind = "models");

// The snapshot as a model. What TencentARC/SEED-Story leaves to other repositories is taken from theirs, where the
// cache has them. ErrorKind::input, naming the download, if there is no snapshot.
ModelPaths find_hf_model(const std::string& repo);

// The same for TencentARC/SEED-Story, whatever of it is there.
ModelPaths find_published_parts();

}  // namespace seedstory
