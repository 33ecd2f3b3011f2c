// The published SEED-Story, without a file of it: its sizes, for those who plan before they download.
#pragma once

#include "load/model_dir.h"

namespace seedstory {

inline constexpr const char* kPublishedModel = "seed-story";  // what --model calls it
inline constexpr const char* kPublishedRepo = "TencentARC/SEED-Story";

// ModelConfig's own sizes. Its tensors have names and shapes and no numbers: for a backend that does not compute.
ModelDir published_sizes();

}  // namespace seedstory
