// AutoencoderKL of the SDXL family, its two halves on their own: generation needs only the decoder.
#pragma once

#include "model/model_config.h"
#include "model/resnet.h"

namespace seedstory {

struct VaeMiddleWeights {
  ResnetWeights before, after;
  Tensor norm_w, norm_b;  // (c)
  Weight qkv_w, out_w;    // (3 c, c), (c, c)
  Tensor qkv_b, out_b;    // (3 c), (c)

  void list(WeightTable& table, const std::string& prefix, int64_t channels);
};

struct VaeWeights {
  struct Level {
    std::vector<ResnetWeights> resnets;
    Weight sampler_w;  // (c, c, 3, 3), absent in the last one
    Tensor sampler_b;  // (c)
  };
  Weight latent_conv_w;  // post_quant_conv or quant_conv
  Weight conv_in_w, conv_out_w;
  Tensor latent_conv_b, conv_in_b, conv_out_b;
  VaeMiddleWeights mid;
  std::vector<Level> levels;  // in the order they run
  Tensor norm_out_w, norm_out_b;

  void list_decoder(WeightTable& table, const VaeConfig& config);
  void list_encoder(WeightTable& table, const VaeConfig& config);
};

class VaeDecoder {
 public:
  VaeDecoder(const VaeConfig& config, const WeightLoader& loader);

  // latent (n, h, w, latent_channels), already divided by scaling_factor -> picture (n, 8 h, 8 w, 3) in about [-1, 1]
  // (8 is 2^(levels - 1))
  Tensor forward(Backend& be, Arena& arena, const Tensor& latent) const;

  const VaeConfig& config() const { return config_; }

 private:
  VaeConfig config_;
  VaeWeights w_;
  WeightBlock loaded_;
};

class VaeEncoder {
 public:
  VaeEncoder(const VaeConfig& config, const WeightLoader& loader);

  // picture (n, 8 h, 8 w, 3) in [-1, 1] -> (n, h, w, 2 latent_channels): [mean | log of the variance]
  Tensor forward(Backend& be, Arena& arena, const Tensor& picture) const;

 private:
  VaeConfig config_;
  VaeWeights w_;
  WeightBlock loaded_;
};

}  // namespace seedstory
