// What paints the pictures: adapter, UNet and VAE decoder.
#pragma once

#include <memory>
#include <vector>

#include "model/adapter.h"
#include "model/model_config.h"
#include "model/unet.h"
#include "model/vae.h"

namespace seedstory {

// The networks may be absent while another stage has the memory (Engine::enter).
struct DiffusionModel {
  Backend& backend;
  const ModelConfig& config;
  DType activations, vae_activations;
  std::unique_ptr<Adapter> adapter;
  std::unique_ptr<Unet> unet;
  std::unique_ptr<VaeDecoder> vae;

  // The ViT's view of an all-zero tensor (vit queries, output_dim): the unconditional half of the guidance, the same
  // for every frame.
  std::vector<float> uncond_feature;
};

}  // namespace seedstory
