// A model on disk, ours or the published layout, opened: sizes, tokeniser, and where each part's tensors come from.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/model_config.h"
#include "model/quantize.h"
#include "seedstory/source.h"
#include "seedstory/weight.h"

namespace seedstory {

// Empty paths: what the directory says.
struct ModelPaths {
  std::filesystem::path dir;
  std::filesystem::path vit, llm, detokenizer, unet, vae, tokenizer;  // overrides of single parts
  bool may_be_absent = false;  // of the published layout a part may be there while the directory is not
  std::string note;            // how the directory was chosen, if a person should know
};

struct ModelDir {
  ModelConfig config;
  bool published = false;  // the layout of TencentARC/SEED-Story, else ours
  std::string licence, training_data;
  std::filesystem::path tokenizer_model, added_tokens;  // empty: only its sizes are known (load/published.h)
  bool legacy = false;                                  // the tokeniser's prefix rule
  std::vector<std::string> words;                       // the words the model was trained on, sorted; empty: unknown
  double lora_alpha = 32;                               // of LoRA factors that are not merged yet
  std::optional<WeightFormat> weights;                  // what products' weights are held in: q8 or q4
  std::vector<KeepRule> keep;                           // and those that are held otherwise
  std::shared_ptr<const TensorSource> vit, llm, input_resampler, output_resampler, adapter, unet, vae;
};

// The files that may hold a part ("unet", "vae") of a diffusers model, below the model's folder, the most likely one
// first.
std::vector<std::string> diffusers_files(const std::string& part);

// By content: model.json makes it ours, else the published layout. ErrorKind::input naming file and field.
ModelDir open_model(const ModelPaths& paths);

}  // namespace seedstory
