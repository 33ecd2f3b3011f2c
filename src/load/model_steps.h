// Opening a model in steps, for those who go on behind what is wrong (model_dir.cpp).
#pragma once

#include <functional>

#include "load/model_dir.h"

namespace seedstory {

// Opens one part and says its file as soon as that is known.
using OpenPart = std::function<void(std::filesystem::path& file)>;

// open_model(), a step a part: "vit", "llm", "detokenizer", "unet", "vae", "tokenizer", "settings". `run` is to call
// `open`; where it keeps an Error back the part stays null, and the next one is opened.
ModelDir open_model(const ModelPaths& paths, const std::function<void(const char* part, const OpenPart& open)>& run);

}  // namespace seedstory
