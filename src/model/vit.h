// Qwen-VL's ViT: patches, pre-norm blocks, attention pool.
#pragma once

#include "model/resampler.h"

namespace seedstory {

struct VitWeights {
  struct Block {
    Tensor ln_1_w, ln_1_b, ln_2_w, ln_2_b;  // (width)
    Weight in_w;                            // (3 width, width): a head's rows are [q | k | v]
    Weight out_w, fc_w, proj_w;             // (width, width), (mlp, width), (width, mlp)
    Tensor in_b, out_b, fc_b, proj_b;
  };
  Weight conv1;                     // (width, 3, patch, patch)
  HostTensor positional_embedding;  // (any square, width)
  Tensor ln_pre_w, ln_pre_b;        // (width)
  std::vector<Block> blocks;
  ResamplerWeights pool;
  Tensor ln_post_w, ln_post_b;  // (output_dim)
  Weight proj;                  // (output_dim, output_dim), transposed: files have it as x @ proj

  void list(WeightTable& table, const VitConfig& config);
};

class Vit {
 public:
  Vit(const VitConfig& config, const WeightLoader& loader);

  // image (n, image_size, image_size, 3), normalised -> (n, queries, output_dim)
  Tensor forward(Backend& be, Arena& arena, const Tensor& image) const;

  const VitConfig& config() const { return config_; }

 private:
  Tensor embed(Backend& be, Arena& arena, const Tensor& image) const;
  void block(Backend& be, Arena& arena, const VitWeights::Block& w, const Tensor& x) const;

  VitConfig config_;
  VitWeights w_;
  WeightBlock loaded_, computed_;
  Tensor positions_;  // (1, grid^2, width)
  std::optional<Resampler> pool_;
};

}  // namespace seedstory
