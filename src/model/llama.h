// LLaMA 2 over a cache whose keys are stored before RoPE.
#pragma once

#include "model/config.h"
#include "model/weights.h"

namespace seedstory {

struct LlamaWeights {
  struct Layer {
    Tensor norm_1, norm_2;  // (hidden)
    Tensor qkv;             // (3 hidden, hidden): [q; k; v]
    Tensor o;               // (hidden, hidden)
    Tensor up_gate;         // (2 ffn, hidden): [up; gate]
    Tensor down;            // (hidden, ffn)
  };
  Tensor embed;  // (vocab, hidden)
  std::vector<Layer> layers;
  Tensor norm;     // (hidden)
  Tensor lm_head;  // (vocab, hidden)

  void list(WeightTable& table, const LlamaConfig& config);
};

// Keys and values of every layer, made in one arena. Which row holds which token is the caller's business (slots).
struct KvCache {
  struct Layer {
    Tensor k, v;  // (capacity, hidden)
  };
  std::vector<Layer> layers;
  int64_t capacity = 0;

  KvCache(Arena& arena, const LlamaConfig& config, int64_t capacity, DType type = DType::f32);
};

class Llama {
 public:
  Llama(const LlamaConfig& config, const WeightLoader& loader);

  // ids i32 (rows) -> (rows, hidden)
  Tensor embed(Backend& be, Arena& arena, const Tensor& ids) const;

  // Embeddings (rows, hidden) -> states after the last norm (rows, hidden). slots i32 (length) are the rows of the
  // cache in the order of the tokens' positions; the last `rows` of them are the new tokens' own and are written. A
  // prompt may come in pieces: each call's slots start with those of the calls before it.
  Tensor forward(Backend& be, Arena& arena, const Tensor& embeddings, const KvCache& cache, const Tensor& slots) const;

  // States (rows, hidden) -> (rows, vocab)
  Tensor logits(Backend& be, Arena& arena, const Tensor& states) const;

  const LlamaConfig& config() const { return config_; }

 private:
  void attention(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const KvCache::Layer& cache,
                 const Tensor& slots, const Tensor& h) const;
  void mlp(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const Tensor& h) const;

  LlamaConfig config_;
  LlamaWeights w_;
  WeightBlock loaded_, computed_;
  Tensor rope_;  // f32 (max_positions, head_dim)
};

}  // namespace seedstory
