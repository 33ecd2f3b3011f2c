// A perceiver over one feature: the UNet's prompt tokens and its pooled vector.
#include "model/adapter.h"

#include <cmath>

#include "model/infer_config.h"
#include "model/views.h"

namespace seedstory {
namespace {

void list_layer(WeightTable& table, AdapterWeights::Layer& w, const AdapterConfig& c, const std::string& prefix) {
  const int64_t dim = c.dim, inner = c.heads * c.dim_head, ff = c.ff_mult * dim;
  table.add(w.norm1_w, {prefix + "0.norm1.weight", {dim}});
  table.add(w.norm1_b, {prefix + "0.norm1.bias", {dim}});
  table.add(w.norm2_w, {prefix + "0.norm2.weight", {dim}});
  table.add(w.norm2_b, {prefix + "0.norm2.bias", {dim}});
  table.add(w.q, {prefix + "0.to_q.weight", {inner, dim}}, WeightUse::linear);
  table.add(w.kv, {prefix + "0.to_kv.weight", {2 * inner, dim}}, WeightUse::linear);
  table.add(w.out, {prefix + "0.to_out.weight", {dim, inner}}, WeightUse::linear);
  table.add(w.ff_norm_w, {prefix + "1.0.weight", {dim}});
  table.add(w.ff_norm_b, {prefix + "1.0.bias", {dim}});
  table.add(w.ff_1, {prefix + "1.1.weight", {ff, dim}}, WeightUse::linear);
  table.add(w.ff_2, {prefix + "1.3.weight", {dim, ff}}, WeightUse::linear);
}

}  // namespace

void AdapterWeights::list(WeightTable& table, const AdapterConfig& c) {
  const int64_t dim = c.dim;
  const std::string pool = "unet_attnpool.";
  layers.resize(size_t(c.depth));
  table.add(latents, {"latents", {1, c.queries, dim}});
  table.add(proj_in_w, {"proj_in.weight", {dim, c.embedding_dim}}, WeightUse::linear);
  table.add(proj_in_b, {"proj_in.bias", {dim}});
  for (size_t i = 0; i < layers.size(); ++i) list_layer(table, layers[i], c, "layers." + std::to_string(i) + ".");
  table.add(norm_out_w, {"norm_out.weight", {dim}});
  table.add(norm_out_b, {"norm_out.bias", {dim}});
  table.add(prompt_w, {{"unet_proj_1.weight", {c.output1, dim}}, {"unet_proj_2.weight", {c.output2, dim}}},
            WeightUse::linear);
  table.add(prompt_b, {{"unet_proj_1.bias", {c.output1}}, {"unet_proj_2.bias", {c.output2}}});
  table.add(pool_positions, {pool + "positional_embedding", {c.queries + 1, dim}});
  table.add(pool_q_w, {pool + "q_proj.weight", {dim, dim}}, WeightUse::linear);
  table.add(pool_q_b, {pool + "q_proj.bias", {dim}});
  table.add(pool_kv_w, {{pool + "k_proj.weight", {dim, dim}}, {pool + "v_proj.weight", {dim, dim}}}, WeightUse::linear);
  table.add(pool_kv_b, {{pool + "k_proj.bias", {dim}}, {pool + "v_proj.bias", {dim}}});
  table.add(pool_out_w, {pool + "c_proj.weight", {c.output2, dim}}, WeightUse::linear);
  table.add(pool_out_b, {pool + "c_proj.bias", {c.output2}});
}

Adapter::Adapter(const AdapterConfig& config, const WeightLoader& loader) : config_(config) {
  head_dim("adapter", config_.dim, config_.heads);
  WeightTable table;
  w_.list(table, config_);
  loaded_ = loader.load(table);
}

Prompt Adapter::forward(Backend& be, Arena& arena, const Tensor& features) const {
  const int64_t n = features.dim[0], tokens = features.dim[1], dim = config_.dim, queries = config_.queries;
  const DType type = features.dtype;
  const Prompt prompt{.tokens = arena.make(type, {n, queries, config_.output1 + config_.output2}),
                      .pooled = arena.make(type, {n, config_.output2})};
  Arena::Scope scope(arena);

  const Tensor x = arena.make(type, {n, tokens, dim}), z = arena.make(type, {n, queries, dim});
  {
    Arena::Scope normalized(arena);
    const Tensor unit = arena.like(features);
    be.run(NormalizeTokens{.y = unit, .x = features});
    be.run(Linear{.y = as_rows(x), .x = as_rows(unit), .w = w_.proj_in_w, .bias = w_.proj_in_b});
  }
  be.run(Convert{.y = z, .x = repeated(w_.latents, n)});
  for (const AdapterWeights::Layer& w : w_.layers) layer(be, arena, w, x, z);

  be.run(LayerNorm{.y = z, .x = z, .w = w_.norm_out_w, .b = w_.norm_out_b, .eps = config_.ln_eps});
  be.run(Linear{.y = as_rows(prompt.tokens), .x = as_rows(z), .w = w_.prompt_w, .bias = w_.prompt_b});
  pool(be, arena, z, prompt.pooled);
  return prompt;
}

// The latents z read the features x, which stay as they are, and themselves.
void Adapter::layer(Backend& be, Arena& arena, const AdapterWeights::Layer& w, const Tensor& x, const Tensor& z) const {
  const int64_t n = x.dim[0], tokens = x.dim[1], queries = z.dim[1], dim = config_.dim;
  const int64_t head = config_.dim_head, inner = config_.heads * head;
  Arena::Scope scope(arena);
  const Tensor u = arena.like(z);
  {
    Arena::Scope attention(arena);
    const Tensor both = arena.make(x.dtype, {n, tokens + queries, dim});
    be.run(LayerNorm{.y = both.slice(1, 0, tokens), .x = x, .w = w.norm1_w, .b = w.norm1_b, .eps = config_.ln_eps});
    be.run(LayerNorm{.y = u, .x = z, .w = w.norm2_w, .b = w.norm2_b, .eps = config_.ln_eps});
    be.run(Convert{.y = both.slice(1, tokens, tokens + queries), .x = u});

    const Tensor q = arena.make(x.dtype, {n, queries, inner}), attended = arena.like(q);
    const Tensor kv = arena.make(x.dtype, {n, tokens + queries, 2 * inner});
    be.run(Linear{.y = as_rows(q), .x = as_rows(u), .w = w.q});
    be.run(Linear{.y = as_rows(kv), .x = as_rows(both), .w = w.kv});
    be.run(Attention{.y = attended.split(2, head),
                     .q = q.split(2, head),
                     .k = kv.slice(2, 0, inner).split(2, head),
                     .v = kv.slice(2, inner, 2 * inner).split(2, head),
                     .scale = 1 / std::sqrt(float(head))});
    be.run(Linear{.y = as_rows(z), .x = as_rows(attended), .w = w.out, .residual = as_rows(z)});
  }
  const Tensor hidden = arena.make(x.dtype, {n * queries, config_.ff_mult * dim});
  be.run(LayerNorm{.y = u, .x = z, .w = w.ff_norm_w, .b = w.ff_norm_b, .eps = config_.ln_eps});
  be.run(Linear{.y = hidden, .x = as_rows(u), .w = w.ff_1, .act = Activation::gelu});
  be.run(Linear{.y = as_rows(z), .x = hidden, .w = w.ff_2, .residual = as_rows(z)});
}

// CLIP's attention pool: the mean, put in front of the tokens, reads them all.
void Adapter::pool(Backend& be, Arena& arena, const Tensor& hidden, const Tensor& pooled) const {
  const int64_t n = hidden.dim[0], queries = hidden.dim[1], dim = config_.dim;
  const int64_t head = head_dim("adapter", dim, config_.heads);
  Arena::Scope scope(arena);
  const Tensor s = arena.make(hidden.dtype, {n, queries + 1, dim});
  be.run(MeanTokens{.y = s.slice(1, 0, 1), .x = hidden});
  be.run(Convert{.y = s.slice(1, 1, queries + 1), .x = hidden});
  be.run(Add{.y = s, .a = s, .b = w_.pool_positions.reshape({1, queries + 1, dim})});

  const Tensor q = arena.make(hidden.dtype, {n, 1, dim}), attended = arena.like(q);
  const Tensor kv = arena.make(hidden.dtype, {n, queries + 1, 2 * dim});
  be.run(Linear{.y = as_rows(q), .x = as_rows(s.slice(1, 0, 1)), .w = w_.pool_q_w, .bias = w_.pool_q_b});
  be.run(Linear{.y = as_rows(kv), .x = as_rows(s), .w = w_.pool_kv_w, .bias = w_.pool_kv_b});
  be.run(Attention{.y = attended.split(2, head),
                   .q = q.split(2, head),
                   .k = kv.slice(2, 0, dim).split(2, head),
                   .v = kv.slice(2, dim, 2 * dim).split(2, head),
                   .scale = 1 / std::sqrt(float(head))});
  be.run(Linear{.y = pooled, .x = as_rows(attended), .w = w_.pool_out_w, .bias = w_.pool_out_b});
}

}  // namespace seedstory
