// What each stage's networks are computed in.
#pragma once

#include "model/llama.h"

namespace seedstory {

// The number types of a stage's networks. The VAE's are its own: what passes through SDXL's is too large for f16.
struct StageTypes {
  NumberTypes vision, language, diffusion, vae;
  CacheTypes cache;  // of the LLM's keys and values: as its activations, or beside f32 less

  // One format of weights, and activations in f32: what the CPU computes in.
  StageTypes(WeightFormat weights = WeightFormat::f32) : StageTypes(NumberTypes{.weights = weights}) {}
  StageTypes(NumberTypes all) : vision(all), language(all), diffusion(all), vae(all), cache(all.activations) {}

  // What a card computes in: activations of the weights' type, f16 beside q8 and q4; the VAE in bf16 where the others
  // are f16.
  static StageTypes of_card(WeightFormat weights);
};

}  // namespace seedstory
