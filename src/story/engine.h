// A model in a backend's memory, ready to tell stories.
#pragma once

#include <functional>
#include <memory>

#include "diffusion/diffusion_model.h"
#include "language/language_model.h"
#include "load/model_dir.h"
#include "model/vit.h"
#include "story/stage.h"
#include "story/stage_types.h"

namespace seedstory {

struct EngineOptions {
  StageTypes types;
  bool staged = false;                                // only one stage's parts are in memory
  std::function<void(const char* part)> loaded = {};  // called when a part is there
};

struct Engine {
  // Loads every part, or in stages the ViT alone. ErrorKind::input where tensors are missing, misshapen or unexpected.
  Engine(Backend& backend, const ModelDir& model, EngineOptions options = {});

  // Makes sure that the stage's parts are there; in stages the others are gone then, and what was made with them is not
  // to be used any more.
  void enter(Stage stage);

  const StageTypes& types() const { return options_.types; }

  // What the ViT makes of a picture (1, image_size, image_size, 3), normalised, in host memory: (vit queries,
  // output_dim). The work repeats (Backend::repeat), so that its memory stays as long as the ViT does.
  std::vector<float> encode_image(const std::vector<float>& pixels);

  Backend& backend;
  ModelConfig config;
  std::vector<std::string> words;
  std::unique_ptr<Vit> vit;
  LanguageModel language;
  DiffusionModel diffusion;

 private:
  void load(Stage stage);
  void drop(Stage stage);

  struct Encoding {
    Encoding(Backend& backend, const Vit& vit, DType activations);
    Arena work;
    Tensor image, feature;
    Repeat repeat;  // of the ViT
  };

  ModelDir model_;
  EngineOptions options_;
  std::unique_ptr<Encoding> encoding_;  // from the ViT's first picture on
};

}  // namespace seedstory
