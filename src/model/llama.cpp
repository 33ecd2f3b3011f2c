// The decoder's layers: two norms, attention over the cache, SwiGLU.
#include "model/llama.h"

#include <cmath>

#include "model/infer_config.h"
#include "model/position.h"

namespace seedstory {
namespace {

void list_layer(WeightTable& table, LlamaWeights::Layer& w, const LlamaConfig& c, const std::string& prefix) {
  const auto square = [&](const char* name) {
    return Stored{.name = prefix + "self_attn." + name + ".weight", .shape = {c.hidden, c.hidden}};
  };
  const auto wide = [&](const char* name) {
    return Stored{.name = prefix + "mlp." + name + ".weight", .shape = {c.ffn, c.hidden}};
  };
  table.add(w.norm_1, {prefix + "input_layernorm.weight", {c.hidden}});
  table.add(w.qkv, {square("q_proj"), square("k_proj"), square("v_proj")}, WeightUse::linear);
  table.add(w.o, square("o_proj"), WeightUse::linear);
  table.add(w.norm_2, {prefix + "post_attention_layernorm.weight", {c.hidden}});
  table.add(w.up_gate, {wide("up_proj"), wide("gate_proj")}, WeightUse::gated_linear);
  table.add(w.down, {prefix + "mlp.down_proj.weight", {c.hidden, c.ffn}}, WeightUse::linear);
}

}  // namespace

void LlamaWeights::list(WeightTable& table, const LlamaConfig& c) {
  layers.resize(size_t(c.layers));
  table.add_table(embed, {"model.embed_tokens.weight", {c.vocab, c.hidden}});
  for (size_t i = 0; i < layers.size(); ++i) list_layer(table, layers[i], c, "model.layers." + std::to_string(i) + ".");
  table.add(norm, {"model.norm.weight", {c.hidden}});
  table.add(lm_head, {"lm_head.weight", {c.vocab, c.hidden}}, WeightUse::linear);
}

KvCache::KvCache(Arena& arena, const LlamaConfig& config, int64_t capacity, CacheTypes types)
    : slots(arena.make(DType::i32, {capacity})), length(arena.make(DType::i32, {1})) {
  for (int64_t i = 0; i < config.layers; ++i)
    layers.push_back(
        {.k = arena.make(types.k, {capacity, config.hidden}), .v = arena.make(types.v, {capacity, config.hidden})});
}

Llama::Llama(const LlamaConfig& config, const WeightLoader& loader) : config_(config) {
  const int64_t head = head_dim("llm", config_.hidden, config_.heads);
  WeightTable table;
  w_.list(table, config_);
  loaded_ = loader.load(table, [](std::string_view name) { return name.ends_with(".rotary_emb.inv_freq"); });

  const std::vector<float> angles = rope_table(config_.max_positions, head, config_.rope_theta);
  computed_ = WeightBlock(loader.backend(), aligned(config_.max_positions * head * size_of(DType::f32)));
  rope_ = computed_.make(DType::f32, {config_.max_positions, head});
  loader.backend().upload(rope_, angles.data());
}

Tensor Llama::embed(Backend& be, Arena& arena, const Tensor& ids) const {
  const Tensor y = arena.make(w_.embed.dtype, {ids.dim[0], config_.hidden});
  be.run(Embed{.y = y, .ids = ids, .table = w_.embed});
  return y;
}

void Llama::forward(Backend& be, Arena& arena, const Tensor& h, const KvCache& cache) const {
  for (size_t i = 0; i < w_.layers.size(); ++i) {
    attention(be, arena, w_.layers[i], cache, i, h);
    mlp(be, arena, w_.layers[i], h);
    be.probe("llm.layer" + std::to_string(i), h);
  }
}

void Llama::attention(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const KvCache& cache, size_t layer,
                      const Tensor& h) const {
  const int64_t rows = h.dim[0], hidden = config_.hidden, head = hidden / config_.heads;
  Arena::Scope scope(arena);
  const Tensor x = arena.like(h), qkv = arena.make(h.dtype, {rows, 3 * hidden});
  be.run(AddRmsNorm{.y = x, .h = h, .w = w.norm_1, .eps = config_.rms_norm_eps});
  be.run(Linear{.y = qkv, .x = x, .w = w.qkv});
  be.run(CacheAttention{.y = x.split(1, head),
                        .q = qkv.slice(1, 0, hidden).split(1, head),
                        .k = qkv.slice(1, hidden, 2 * hidden).split(1, head),
                        .v = qkv.slice(1, 2 * hidden, 3 * hidden).split(1, head),
                        .k_cache = cache.layers[layer].k.split(1, head),
                        .v_cache = cache.layers[layer].v.split(1, head),
                        .slots = cache.slots,
                        .length = cache.length,
                        .rope = rope_,
                        .scale = 1 / std::sqrt(float(head))});
  be.run(Linear{.y = h, .x = x, .w = w.o, .residual = h});
}

void Llama::mlp(Backend& be, Arena& arena, const LlamaWeights::Layer& w, const Tensor& h) const {
  const int64_t rows = h.dim[0], ffn = config_.ffn;
  Arena::Scope scope(arena);
  const Tensor x = arena.like(h), product = arena.make(h.dtype, {rows, ffn});
  be.run(AddRmsNorm{.y = x, .h = h, .w = w.norm_2, .eps = config_.rms_norm_eps});
  be.run(GatedLinear{.y = product, .x = x, .w = w.up_gate, .act = Activation::silu});
  be.run(Linear{.y = h, .x = product, .w = w.down, .residual = h});
}

void Llama::norm(Backend& be, const Tensor& states, const Tensor& h) const {
  be.run(AddRmsNorm{.y = states, .h = h, .w = w_.norm, .eps = config_.rms_norm_eps});
}

Tensor Llama::logits(Backend& be, Arena& arena, const Tensor& states) const {
  const Tensor y = arena.make(DType::f32, {states.dim[0], config_.vocab});
  be.run(Linear{.y = y, .x = states, .w = w_.lm_head});
  be.probe("llm.logits", y);
  return y;
}

}  // namespace seedstory
