// The tensors that a model's configuration asks for: what the loader makes of it before it looks at the weights.
#pragma once

#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

namespace seedstory {

inline void list_weights(const ModelConfig& config) {
  WeightTable table;
  VitWeights vit;
  vit.list(table, config.vit);
  LlamaWeights llm;
  llm.list(table, config.llm);
  ResamplerWeights in, out;
  in.list(table, config.input_resampler, "");
  out.list(table, config.output_resampler, "");
  AdapterWeights adapter;
  adapter.list(table, config.adapter);
  UnetWeights unet;
  unet.list(table, config.unet);
  VaeWeights vae;
  vae.list_decoder(table, config.vae);
}

}  // namespace seedstory
