// A model in a backend's memory, ready to tell stories.
#pragma once

#include <memory>

#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "story/model_dir.h"
#include "text/tokenizer.h"

namespace seedstory {

struct Engine {
  // ErrorKind::input where tensors are missing, misshapen or unexpected.
  Engine(Backend& backend, const ModelDir& model);

  Backend& backend;
  ModelConfig config;
  std::vector<std::string> words;
  Tokenizer tokenizer;
  std::unique_ptr<Vit> vit;
  std::unique_ptr<Resampler> input_resampler, output_resampler;
  std::unique_ptr<Llama> llm;
  std::unique_ptr<Adapter> adapter;
  std::unique_ptr<Unet> unet;
  std::unique_ptr<VaeDecoder> vae;
};

}  // namespace seedstory
