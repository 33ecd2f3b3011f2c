// ResamplerXLV2: features of a picture to what SDXL's UNet is conditioned on.
#pragma once

#include "model/model_config.h"
#include "model/weights.h"

namespace seedstory {

struct AdapterWeights {
  struct Layer {
    Tensor norm1_w, norm1_b, norm2_w, norm2_b;  // (dim): of the features, of the latents
    Weight q;                                   // (inner, dim), inner = heads dim_head
    Weight kv;                                  // (2 inner, dim)
    Weight out;                                 // (dim, inner)
    Tensor ff_norm_w, ff_norm_b;                // (dim)
    Weight ff_1, ff_2;                          // (ff_mult dim, dim), (dim, ff_mult dim)
  };
  Tensor latents;    // (1, queries, dim)
  Weight proj_in_w;  // (dim, embedding_dim)
  Tensor proj_in_b;  // (dim)
  std::vector<Layer> layers;
  Tensor norm_out_w, norm_out_b;  // (dim)
  Weight prompt_w;                // (output1 + output2, dim): [unet_proj_1; unet_proj_2]
  Tensor pool_positions;          // (queries + 1, dim)
  Weight pool_q_w, pool_kv_w;     // (dim, dim), (2 dim, dim)
  Weight pool_out_w;              // (output2, dim)
  Tensor prompt_b, pool_q_b, pool_kv_b, pool_out_b;

  void list(WeightTable& table, const AdapterConfig& config);
};

struct Prompt {
  Tensor tokens;  // (n, queries, output1 + output2)
  Tensor pooled;  // (n, output2)
};

class Adapter {
 public:
  Adapter(const AdapterConfig& config, const WeightLoader& loader);

  // features (n, tokens, embedding_dim), any number of tokens
  Prompt forward(Backend& be, Arena& arena, const Tensor& features) const;

  const AdapterConfig& config() const { return config_; }

 private:
  void layer(Backend& be, Arena& arena, const AdapterWeights::Layer& w, const Tensor& x, const Tensor& z) const;
  void pool(Backend& be, Arena& arena, const Tensor& hidden, const Tensor& pooled) const;

  AdapterConfig config_;
  AdapterWeights w_;
  WeightBlock loaded_;
};

}  // namespace seedstory
