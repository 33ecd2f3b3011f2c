// Patches, transformer blocks, and the attention pool behind them.
#include "model/vit.h"

#include <cmath>

#include "model/infer_config.h"
#include "model/position.h"
#include "model/views.h"

namespace seedstory {
namespace {

ResamplerConfig pool_config(const VitConfig& c) {
  return {.queries = c.queries, .dim = c.output_dim, .kv_dim = c.width, .heads = c.attn_pool_heads, .ln_eps = c.ln_eps};
}

// Patches along one side of the picture.
int64_t patch_grid(const VitConfig& c) {
  if (c.patch_size <= 0 || c.image_size % c.patch_size != 0)
    fail_input("vit: an image size of " + std::to_string(c.image_size) + " does not divide into patches of " +
               std::to_string(c.patch_size));
  return c.image_size / c.patch_size;
}

void list_block(WeightTable& table, VitWeights::Block& b, const VitConfig& c, const std::string& prefix) {
  table.add(b.ln_1_w, {prefix + "ln_1.weight", {c.width}});
  table.add(b.ln_1_b, {prefix + "ln_1.bias", {c.width}});
  table.add(b.in_w, {prefix + "attn.in_proj.weight", {3 * c.width, c.width}}, WeightUse::linear);
  table.add(b.in_b, {prefix + "attn.in_proj.bias", {3 * c.width}});
  table.add(b.out_w, {prefix + "attn.out_proj.weight", {c.width, c.width}}, WeightUse::linear);
  table.add(b.out_b, {prefix + "attn.out_proj.bias", {c.width}});
  table.add(b.ln_2_w, {prefix + "ln_2.weight", {c.width}});
  table.add(b.ln_2_b, {prefix + "ln_2.bias", {c.width}});
  table.add(b.fc_w, {prefix + "mlp.c_fc.weight", {c.mlp, c.width}}, WeightUse::linear);
  table.add(b.fc_b, {prefix + "mlp.c_fc.bias", {c.mlp}});
  table.add(b.proj_w, {prefix + "mlp.c_proj.weight", {c.width, c.mlp}}, WeightUse::linear);
  table.add(b.proj_b, {prefix + "mlp.c_proj.bias", {c.width}});
}

}  // namespace

void VitWeights::list(WeightTable& table, const VitConfig& c) {
  blocks.resize(size_t(c.layers));
  table.add(conv1, {"conv1.weight", {c.width, 3, c.patch_size, c.patch_size}}, WeightUse::conv);
  table.add(positional_embedding, {"positional_embedding", {kAnyRows, c.width}});
  table.add(ln_pre_w, {"ln_pre.weight", {c.width}});
  table.add(ln_pre_b, {"ln_pre.bias", {c.width}});
  for (size_t i = 0; i < blocks.size(); ++i)
    list_block(table, blocks[i], c, "transformer.resblocks." + std::to_string(i) + ".");
  pool.list(table, pool_config(c), "attn_pool.");
  table.add(ln_post_w, {"ln_post.weight", {c.output_dim}});
  table.add(ln_post_b, {"ln_post.bias", {c.output_dim}});
  table.add(proj, {.name = "proj", .shape = {c.output_dim, c.output_dim}, .transposed = true}, WeightUse::linear);
}

Vit::Vit(const VitConfig& config, const WeightLoader& loader) : config_(config) {
  const int64_t grid = patch_grid(config_), width = config_.width;
  WeightTable table;
  w_.list(table, config_);
  loaded_ = loader.load(table);

  HostTensor& stored = w_.positional_embedding;
  const int64_t side = grid_side(stored.shape[0], "vit positional_embedding");
  const std::vector<float> positions = resize_grid(stored.values, side, grid, width);
  computed_ = WeightBlock(loader.backend(), aligned(grid * grid * width * size_of(DType::f32)));
  positions_ = computed_.make(DType::f32, {1, grid * grid, width});
  loader.backend().upload(positions_, positions.data());
  stored = {};

  pool_.emplace(pool_config(config_), grid * grid, std::move(w_.pool), loader);
}

Tensor Vit::forward(Backend& be, Arena& arena, const Tensor& image) const {
  const Tensor y = arena.make(image.dtype, {image.dim[0], config_.queries, config_.output_dim});
  Arena::Scope scope(arena);

  be.probe("vit.input", image, Layout::nhwc);
  const Tensor x = embed(be, arena, image);
  be.probe("vit.ln_pre", x);
  for (size_t i = 0; i < w_.blocks.size(); ++i) {
    block(be, arena, w_.blocks[i], x);
    be.probe("vit.block." + std::to_string(i), x);
  }

  const Tensor pooled = pool_->forward(be, arena, x);
  be.probe("vit.attn_pool", pooled);
  be.run(LayerNorm{.y = pooled, .x = pooled, .w = w_.ln_post_w, .b = w_.ln_post_b, .eps = config_.ln_eps});
  be.run(Linear{.y = as_rows(y), .x = as_rows(pooled), .w = w_.proj});
  be.probe("vit.output", y);
  return y;
}

// The picture as (n, patches, width).
Tensor Vit::embed(Backend& be, Arena& arena, const Tensor& image) const {
  const int64_t n = image.dim[0], grid = patch_grid(config_), width = config_.width;
  const Tensor map = arena.make(image.dtype, {n, grid, grid, width});
  be.run(Conv2d{.y = map, .x = image, .w = w_.conv1, .stride = int(config_.patch_size)});
  const Tensor x = map.reshape({n, grid * grid, width});
  be.run(Add{.y = x, .a = x, .b = positions_});
  be.run(LayerNorm{.y = x, .x = x, .w = w_.ln_pre_w, .b = w_.ln_pre_b, .eps = config_.ln_eps});
  return x;
}

void Vit::block(Backend& be, Arena& arena, const VitWeights::Block& w, const Tensor& x) const {
  const int64_t n = x.dim[0], tokens = x.dim[1], width = config_.width;
  const int64_t head = head_dim("vit", width, config_.heads);
  Arena::Scope scope(arena);
  const Tensor u = arena.like(x);
  {
    Arena::Scope attention(arena);
    const Tensor qkv = arena.make(x.dtype, {n, tokens, 3 * width}), attended = arena.like(x);
    be.run(LayerNorm{.y = u, .x = x, .w = w.ln_1_w, .b = w.ln_1_b, .eps = config_.ln_eps});
    be.run(Linear{.y = as_rows(qkv), .x = as_rows(u), .w = w.in_w, .bias = w.in_b});
    const Tensor heads = qkv.split(2, 3 * head);  // a head is [q | k | v], not the whole of it [Q | K | V]
    be.run(Attention{.y = attended.split(2, head),
                     .q = heads.slice(3, 0, head),
                     .k = heads.slice(3, head, 2 * head),
                     .v = heads.slice(3, 2 * head, 3 * head),
                     .scale = 1 / std::sqrt(float(head))});
    be.run(Linear{.y = as_rows(x), .x = as_rows(attended), .w = w.out_w, .bias = w.out_b, .residual = as_rows(x)});
  }
  const Tensor hidden = arena.make(x.dtype, {n * tokens, config_.mlp});
  be.run(LayerNorm{.y = u, .x = x, .w = w.ln_2_w, .b = w.ln_2_b, .eps = config_.ln_eps});
  be.run(Linear{.y = hidden, .x = as_rows(u), .w = w.fc_w, .bias = w.fc_b, .act = Activation::gelu});
  be.run(Linear{.y = as_rows(x), .x = hidden, .w = w.proj_w, .bias = w.proj_b, .residual = as_rows(x)});
}

}  // namespace seedstory
