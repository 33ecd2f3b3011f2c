// What tells the texts: the LLM, its resamplers and its tokenizer.
#pragma once

#include <memory>

#include "model/llama.h"
#include "model/model_config.h"
#include "model/resampler.h"
#include "text/tokenizer.h"

namespace seedstory {

// The networks may be absent while another stage has the memory (Engine::enter).
struct LanguageModel {
  Backend& backend;
  const ModelConfig& config;
  DType activations;
  CacheTypes cache;
  Tokenizer tokenizer;
  std::unique_ptr<Resampler> input_resampler, output_resampler;
  std::unique_ptr<Llama> llm;
};

}  // namespace seedstory
