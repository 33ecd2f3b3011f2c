// Which weights made a picture.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "load/model_dir.h"

namespace seedstory {

// One fingerprint per part, by its name. Names, types and shapes count whole; of a tensor over 256 KiB, eight spread
// blocks of 4 KiB do, so that 30 GB of weights are not read for it. The same however the parts were named on the
// command line. `dir` is where the model's own settings lie (heads, eps and such, which no tensor shows).
std::vector<std::pair<std::string, std::string>> fingerprints(const ModelDir& model, const std::filesystem::path& dir);

}  // namespace seedstory
