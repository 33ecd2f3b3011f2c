// A model written as one of our folders, whatever layout it had: LoRA merged, and with its weights in any format.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "load/model_dir.h"
#include "model/quantize.h"
#include "seedstory/backend.h"

namespace seedstory {

struct ConvertOptions {
  std::optional<WeightFormat> type;  // of the weights of products; absent: as they are stored
  std::vector<KeepRule> keep = {};   // beside q8 and q4
  ScaleRule scales = ScaleRule::least_error;
  std::function<bool()> wants_stop = {};  // asked between pieces
};

struct WrittenFile {
  std::string name;
  int64_t bytes = 0, rounded = 0;  // tensors in blocks that were rounded here
  double rms_error = 0;            // of all of these, relative
};

// Writes all files into the folder, which has none of them. Every tensor that the program reads is there, no other.
// Loaded, it is bit by bit what the model is when it is loaded in the format of `type`: what is not rounded to it here
// stays as it is stored, and a merged weight is f32. Not rounded, but when it is loaded, is a tensor whose rows go to
// several places, or that is transposed there.
//
// The pieces of a tensor are read and rounded on the backend's threads, and few are in memory at a time. Nothing:
// stopped. ErrorKind::input: a number that the format does not hold, a k that is no multiple of 32, a weight that was
// rounded before.
std::optional<std::vector<WrittenFile>> convert_model(const ModelDir& model, const ConvertOptions& options,
                                                      Backend& threads, const std::filesystem::path& folder);

// "llm.lm_head.weight": those that a format in blocks is for.
std::vector<std::string> weight_names(const ModelDir& model);

}  // namespace seedstory
