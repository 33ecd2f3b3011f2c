// Which weights made a picture.
#pragma once

#include "story/model_dir.h"
#include "story/story_folder.h"

namespace seedstory {

// A fingerprint a part. Names, types and shapes count whole; of a tensor over 256 KiB, eight spread blocks of 4 KiB do,
// so that 30 GB of weights are not read for it. The same however the parts were named on the command line. `dir` is
// where the model's own settings lie (heads, eps and such, which no tensor shows).
StoryRecord::Names fingerprints(const ModelDir& model, const std::filesystem::path& dir);

}  // namespace seedstory
