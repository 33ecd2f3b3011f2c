// One attention layer whose queries are learned: everything that does not depend on the input is computed at load.
#include "model/resampler.h"

#include <cmath>

#include "model/activation_bytes.h"
#include "model/infer_config.h"
#include "model/position.h"
#include "model/views.h"

namespace seedstory {

void ResamplerWeights::list(WeightTable& table, const ResamplerConfig& c, const std::string& prefix) {
  const int64_t dim = c.dim;
  const auto in_proj = [&](int64_t begin, int64_t end) {
    return Stored{.name = prefix + "attn.in_proj_weight", .shape = {3 * dim, dim}, .begin = begin, .end = end};
  };
  const auto in_bias = [&](int64_t begin, int64_t end) {
    return Stored{.name = prefix + "attn.in_proj_bias", .shape = {3 * dim}, .begin = begin, .end = end};
  };
  if (c.kv_dim != dim) table.add(kv_proj, {prefix + "kv_proj.weight", {dim, c.kv_dim}}, WeightUse::linear);
  table.add(ln_kv_w, {prefix + "ln_kv.weight", {dim}});
  table.add(ln_kv_b, {prefix + "ln_kv.bias", {dim}});
  table.add(kv_w, in_proj(dim, 3 * dim), WeightUse::linear);
  table.add(kv_b, in_bias(dim, 3 * dim));
  table.add(out_w, {prefix + "attn.out_proj.weight", {dim, dim}}, WeightUse::linear);
  table.add(out_b, {prefix + "attn.out_proj.bias", {dim}});
  table.add(query, {prefix + "query", {c.queries, dim}});
  table.add(pos_embed, {prefix + "pos_embed", {c.queries, dim}});
  table.add(ln_q_w, {prefix + "ln_q.weight", {dim}});
  table.add(ln_q_b, {prefix + "ln_q.bias", {dim}});
  table.add(q_w, in_proj(0, dim));
  table.add(q_b, in_bias(0, dim));
}

Resampler::Resampler(const ResamplerConfig& config, int64_t keys, const WeightLoader& loader)
    : config_(config), keys_(keys) {
  WeightTable table;
  w_.list(table, config_, "");
  loaded_ = loader.load(table);
  precompute(loader.backend(), loader.activations());
}

Resampler::Resampler(const ResamplerConfig& config, int64_t keys, ResamplerWeights weights, const WeightLoader& loader)
    : config_(config), keys_(keys), w_(std::move(weights)) {
  precompute(loader.backend(), loader.activations());
}

// Queries and the positions' share of the keys depend on weights alone: with K = Wk (kv + P) = Wk kv + Wk P, neither
// needs a matrix product when pictures come.
void Resampler::precompute(Backend& backend, DType type) {
  const int64_t dim = config_.dim, queries = config_.queries;
  const int64_t side = grid_side(queries, "resampler queries"), key_side = grid_side(keys_, "resampler keys");
  std::vector<float> positions = resize_grid(w_.pos_embed.values, side, key_side, dim);

  computed_ = WeightBlock(backend, aligned(queries * dim * size_of(type)) + aligned(keys_ * dim * size_of(DType::f32)));
  q_ = computed_.make(type, {queries, dim});
  key_positions_ = computed_.make(DType::f32, {1, keys_, dim});
  with_scratch(backend, [&](Backend& be, Arena& arena) {
    const auto put = [&](const HostTensor& host, DType as) {
      const Tensor t = arena.make(as, host.shape.data(), int(host.shape.size()));
      upload_values(be, t, host.values.data());
      return t;
    };
    constexpr DType kVector = DType::f32;
    const Tensor u = put(w_.query, type);
    be.run(
        LayerNorm{.y = u, .x = u, .w = put(w_.ln_q_w, kVector), .b = put(w_.ln_q_b, kVector), .eps = config_.ln_eps});
    be.run(Add{.y = u, .a = u, .b = put(w_.pos_embed, kVector)});
    be.run(Linear{.y = q_, .x = u, .w = put(w_.q_w, type), .bias = put(w_.q_b, kVector)});

    const Tensor p = arena.make(type, {keys_, dim});
    upload_values(be, p, positions.data());
    be.run(Linear{.y = as_rows(key_positions_), .x = p, .w = w_.kv_w.rows(0, dim)});
  });
  w_.query = w_.pos_embed = w_.ln_q_w = w_.ln_q_b = w_.q_w = w_.q_b = {};
}

Tensor Resampler::forward(Backend& be, Arena& arena, const Tensor& x) const {
  const int64_t n = x.dim[0], dim = config_.dim, head = head_dim("resampler", dim, config_.heads);
  const DType type = x.dtype;
  const Tensor y = arena.make(type, {n, config_.queries, dim});
  Arena::Scope scope(arena);

  const Tensor u = arena.make(type, {n, keys_, dim});
  if (w_.kv_proj) be.run(Linear{.y = as_rows(u), .x = as_rows(x), .w = w_.kv_proj});
  be.run(LayerNorm{.y = u, .x = w_.kv_proj ? u : x, .w = w_.ln_kv_w, .b = w_.ln_kv_b, .eps = config_.ln_eps});

  const Tensor kv = arena.make(type, {n, keys_, 2 * dim});
  const Tensor k = kv.slice(2, 0, dim), v = kv.slice(2, dim, 2 * dim);
  be.run(Linear{.y = as_rows(kv), .x = as_rows(u), .w = w_.kv_w, .bias = w_.kv_b});
  be.run(Add{.y = k, .a = k, .b = key_positions_});

  const Tensor attended = arena.like(y);
  be.run(Attention{.y = attended.split(2, head),
                   .q = repeated(q_.reshape({1, config_.queries, dim}), n).split(2, head),
                   .k = k.split(2, head),
                   .v = v.split(2, head),
                   .scale = 1 / std::sqrt(float(head))});
  be.run(Linear{.y = as_rows(y), .x = as_rows(attended), .w = w_.out_w, .bias = w_.out_b});
  return y;
}

}  // namespace seedstory
