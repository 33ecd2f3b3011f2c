// Queries that read a sequence through one attention layer (Qwen-VL's Resampler): the two agents' resamplers and the
// ViT's attention pool.
#pragma once

#include "model/model_config.h"
#include "model/weights.h"

namespace seedstory {

struct ResamplerWeights {
  Weight kv_proj;           // (dim, kv_dim), absent where they are equal
  Tensor ln_kv_w, ln_kv_b;  // (dim)
  Weight kv_w, out_w;       // (2 dim, dim): [K; V], (dim, dim)
  Tensor kv_b, out_b;       // (2 dim), (dim)
  // For the precomputation only:
  HostTensor query, pos_embed;  // (queries, dim)
  HostTensor ln_q_w, ln_q_b;    // (dim)
  HostTensor q_w, q_b;          // (dim, dim), (dim)

  void list(WeightTable& table, const ResamplerConfig& config, const std::string& prefix);
};

class Resampler {
 public:
  // Reads `keys` tokens a picture; the table of positions is resized for them.
  Resampler(const ResamplerConfig& config, int64_t keys, const WeightLoader& loader);
  // A part of another network, whose loader has filled `weights`.
  Resampler(const ResamplerConfig& config, int64_t keys, ResamplerWeights weights, const WeightLoader& loader);

  // x (n, keys, kv_dim) -> (n, queries, dim)
  Tensor forward(Backend& be, Arena& arena, const Tensor& x) const;

  const ResamplerConfig& config() const { return config_; }

 private:
  void precompute(Backend& be, DType type);

  ResamplerConfig config_;
  int64_t keys_;
  ResamplerWeights w_;
  WeightBlock loaded_;  // empty for a part of another network
  WeightBlock computed_;
  Tensor q_;              // (queries, dim): Wq (ln_q(query) + pos_embed) + bq
  Tensor key_positions_;  // f32 (1, keys, dim): Wk P, P the positions of the keys
};

}  // namespace seedstory
