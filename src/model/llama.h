// LLaMA 2 over a cache whose keys are stored before RoPE.
#pragma once

#include "model/model_config.h"
#include "model/weights.h"

namespace seedstory {

struct LlamaWeights {
  struct Layer {
    Tensor norm_1, norm_2;  // (hidden)
    Weight qkv;             // (3 hidden, hidden): [q; k; v]
    Weight o;               // (hidden, hidden)
    Weight up_gate;         // (2 ffn, hidden): [up; gate]
    Weight down;            // (hidden, ffn)
  };
  Tensor embed;  // (vocab, hidden)
  std::vector<Layer> layers;
  Tensor norm;     // (hidden)
  Weight lm_head;  // (vocab, hidden)

  void list(WeightTable& table, const LlamaConfig& config);
};

// What keys and values are held in.
struct CacheTypes {
  DType k, v;

  CacheTypes(DType both = DType::f32) : k(both), v(both) {}
};

// Keys and values of every layer, and which of the rows count; made in one arena. slots[r] is the row of the token of
// position r, for r < length: the caller writes both, and every layer reads them on the device.
struct KvCache {
  struct Layer {
    Tensor k, v;  // (capacity, hidden)
  };
  std::vector<Layer> layers;
  Tensor slots;   // i32 (capacity)
  Tensor length;  // i32 (1)

  KvCache(Arena& arena, const LlamaConfig& config, int64_t capacity, CacheTypes types);
};

class Llama {
 public:
  Llama(const LlamaConfig& config, const WeightLoader& loader);

  // ids i32 (rows) -> (rows, hidden)
  Tensor embed(Backend& be, Arena& arena, const Tensor& ids) const;

  // h (rows, hidden): embeddings in, the residual stream behind the last layer out. These tokens are the last `rows` of
  // the cache's length; their keys and values are written. A prompt may come in pieces: each call's slots start with
  // those of the calls before it.
  void forward(Backend& be, Arena& arena, const Tensor& h, const KvCache& cache) const;

  // states <- the last norm of rows of the residual stream.
  void norm(Backend& be, const Tensor& states, const Tensor& h) const;

  // States (rows, hidden) -> (rows, vocab)
  Tensor logits(Backend& be, Arena& arena, const Tensor& states) const;

  const LlamaConfig& config() const { return config_; }

 private:
  void attention(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const KvCache& cache, size_t layer,
                 const Tensor& h) const;
  void mlp(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const Tensor& h) const;

  LlamaConfig config_;
  LlamaWeights w_;
  WeightBlock loaded_, computed_;
  Tensor rope_;  // f32 (max_positions, head_dim)
};

}  // namespace seedstory
