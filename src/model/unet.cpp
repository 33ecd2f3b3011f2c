// Down, middle, up. A level's skips are written where the way up will read them, so that nothing is concatenated.
#include "model/unet.h"

#include <cmath>

#include "model/views.h"

namespace seedstory {
namespace {

constexpr float kLayerNormEps = 1e-5f;  // of every transformer block; no config names it
constexpr int64_t kTimeIds = 6;

// In the order of their cross_index: the way up runs from the coarsest level.
template <class F>
void for_each_block(const UnetWeights& w, F&& f) {
  const auto visit = [&](const UnetWeights::Path& path) {
    for (const auto& transformer : path.attentions)
      for (const auto& block : transformer.blocks) f(block);
  };
  for (const auto& path : w.down) visit(path);
  visit(w.mid);
  for (size_t level = w.up.size(); level-- > 0;) visit(w.up[level]);
}

}  // namespace

struct Unet::Step {
  Backend& be;
  Arena& arena;
  const UnetConditioning& given;
  Tensor shifts;  // (n, shift_channels): every ResNet's projection of the time embedding
};

Unet::Unet(const UnetConfig& config, const WeightLoader& loader) : config_(config) {
  WeightTable table;
  w_.list(table, config_);
  loaded_ = loader.load(table);
}

UnetConditioning Unet::make_conditioning(Arena& arena, DType type, int64_t pictures, int64_t tokens,
                                         int64_t steps) const {
  UnetConditioning c;
  for_each_block(w_, [&](const auto& b) {
    c.kv.push_back(arena.make(type, {pictures, tokens, b.cross_kv.values.dim[0]}));
  });
  c.shifts = arena.make(DType::f32, {steps, pictures, w_.shift_channels});
  return c;
}

void Unet::condition(Backend& be, Arena& arena, int64_t picture, const Tensor& prompt, const Tensor& pooled,
                     const Tensor& time_ids, const Tensor& timesteps, const UnetConditioning& to) const {
  for_each_block(w_, [&](const auto& b) {
    const Tensor kv = to.kv[size_t(b.cross_index)].slice(0, picture, picture + 1);
    be.run(Linear{.y = as_rows(kv), .x = as_rows(prompt), .w = b.cross_kv});
  });

  Arena::Scope scope(arena);
  const int64_t id_dim = config_.time_id_dim, added_dim = config_.added_dim, pooled_dim = added_dim - kTimeIds * id_dim;
  const Tensor both = arena.make(pooled.dtype, {1, added_dim});
  const Tensor hidden = arena.make(pooled.dtype, {1, w_.added_1_b.dim[0]});
  const Tensor added = arena.make(pooled.dtype, {1, w_.added_2_b.dim[0]});
  be.run(Convert{.y = both.slice(1, 0, pooled_dim), .x = pooled});
  be.run(Sinusoid{.y = both.slice(1, pooled_dim, added_dim).reshape({kTimeIds, id_dim}), .t = time_ids});
  be.run(Linear{.y = hidden, .x = both, .w = w_.added_1_w, .bias = w_.added_1_b, .act = Activation::silu});
  be.run(Linear{.y = added, .x = hidden, .w = w_.added_2_w, .bias = w_.added_2_b});
  embed_times(be, arena, timesteps, added, to.shifts.slice(1, picture, picture + 1));
}

Tensor Unet::forward(Backend& be, Arena& arena, const Tensor& x, const Tensor& step,
                     const UnetConditioning& given) const {
  const int64_t n = x.dim[0], height = x.dim[1], width = x.dim[2];
  const int64_t multiple = int64_t{1} << (config_.channels.size() - 1);
  if (height % multiple != 0 || width % multiple != 0)
    fail("Unet: x is " + x.str() + ", expected height and width that divide by " + std::to_string(multiple));
  const Tensor y = arena.make(x.dtype, {n, height, width, config_.out_channels});
  Arena::Scope scope(arena);
  be.probe("unet.input", x, Layout::nhwc);

  const Tensor shifts = arena.make(given.shifts.dtype, {n, w_.shift_channels});
  be.run(Embed{.y = shifts.reshape({1, shifts.numel()}),
               .ids = step,
               .table = given.shifts.reshape({given.shifts.dim[0], shifts.numel()})});
  const Step all{.be = be, .arena = arena, .given = given, .shifts = shifts};
  const Tensor last = arena.make(x.dtype, {n, height, width, config_.channels.front()});
  level(all, 0, x, last);
  be.run(GroupNorm{.y = last,
                   .x = last,
                   .w = w_.norm_out_w,
                   .b = w_.norm_out_b,
                   .groups = int(config_.norm_groups),
                   .eps = config_.norm_eps,
                   .act = Activation::silu});
  conv3x3(be, w_.conv_out_w, w_.conv_out_b, last, y);
  be.probe("unet.output", y, Layout::nhwc);
  return y;
}

// What every ResNet adds to its channels at every step. added (1, c) is of the picture that shifts (steps, 1,
// shift_channels) are for.
void Unet::embed_times(Backend& be, Arena& arena, const Tensor& timesteps, const Tensor& added,
                       const Tensor& shifts) const {
  const DType type = added.dtype;
  const int64_t steps = timesteps.dim[0], dim = added.dim[1];
  Arena::Scope scope(arena);
  const Tensor wave = arena.make(type, {steps, config_.channels.front()});
  const Tensor hidden = arena.make(type, {steps, dim}), time = arena.like(hidden);
  be.run(Sinusoid{.y = wave, .t = timesteps});
  be.run(Linear{.y = hidden, .x = wave, .w = w_.time_1_w, .bias = w_.time_1_b, .act = Activation::silu});
  be.run(Linear{.y = time, .x = hidden, .w = w_.time_2_w, .bias = w_.time_2_b});
  be.run(Add{.y = time, .a = time, .b = added});
  be.run(Activate{.y = time, .x = time, .act = Activation::silu});
  be.run(Linear{.y = as_rows(shifts), .x = time, .w = w_.shift_w, .bias = w_.shift_b});
}

// One resolution with everything coarser inside. x is what its first convolution reads: the UNet's input, or the
// resolution above; y what the way up hands on before its upsampler.
//
// A ResNet of the way up reads [h | skip]: what comes from below beside an output of the way down, the last one first.
// Both are written into the joined tensor where they are computed, so that nothing is copied.
void Unet::level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const {
  const UnetWeights::Path &down = w_.down[l], &up = w_.up[l];
  const int64_t n = y.dim[0], height = y.dim[1], width = y.dim[2], channels = y.dim[3];
  const size_t last = down.resnets.size();
  Arena::Scope scope(s.arena);
  std::vector<Tensor> joined, h, skip;  // by ResNet of the way up
  for (size_t i = 0; i <= last; ++i) {
    const int64_t below = i == 0 ? config_.channels[std::min(l + 1, config_.channels.size() - 1)] : channels;
    const int64_t all = below + (i == last ? config_.channels[l == 0 ? 0 : l - 1] : channels);
    joined.push_back(s.arena.make(y.dtype, {n, height, width, all}));
    h.push_back(joined[i].slice(3, 0, below));
    skip.push_back(joined[i].slice(3, below, all));
  }

  begin_level(s, l, x, skip[last]);
  for (size_t i = 0; i < last; ++i) {
    const Tensor& out = skip[last - 1 - i];
    resnet(s, down.resnets[i], skip[last - i], out);
    if (!down.attentions.empty()) transformer(s, down.attentions[i], out);
  }
  if (down.sampler_w)
    next_level(s, l, skip[0], h[0]);
  else
    mid_block(s, skip[0], h[0]);
  for (size_t i = 0; i <= last; ++i) {
    const Tensor& out = i == last ? y : h[i + 1];
    resnet(s, up.resnets[i], joined[i], out);
    if (!up.attentions.empty()) transformer(s, up.attentions[i], out);
  }
}

// The convolution that begins level l.
void Unet::begin_level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const {
  if (l == 0) return conv3x3(s.be, w_.conv_in_w, w_.conv_in_b, x, y);
  const UnetWeights::Path& above = w_.down[l - 1];
  s.be.run(
      Conv2d{.y = y, .x = x, .w = above.sampler_w, .bias = above.sampler_b, .stride = 2, .pad_begin = 1, .pad_end = 1});
  s.be.probe("unet.down" + std::to_string(l - 1), y, Layout::nhwc);
}

// The levels below l, from and to the resolution of l.
void Unet::next_level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const {
  const UnetWeights::Path& up = w_.up[l + 1];
  Arena::Scope scope(s.arena);
  const Tensor out = s.arena.make(x.dtype, {x.dim[0], x.dim[1] / 2, x.dim[2] / 2, y.dim[3]});
  level(s, l + 1, x, out);
  conv_upsample2x(s.be, up.sampler_w, up.sampler_b, out, y);
  s.be.probe("unet.up" + std::to_string(config_.channels.size() - 2 - l), y, Layout::nhwc);
}

void Unet::mid_block(const Step& s, const Tensor& x, const Tensor& y) const {
  Arena::Scope scope(s.arena);
  const Tensor h = s.arena.like(x);
  resnet(s, w_.mid.resnets[0], x, h);
  transformer(s, w_.mid.attentions[0], h);
  resnet(s, w_.mid.resnets[1], h, y);
  s.be.probe("unet.mid", y, Layout::nhwc);
}

void Unet::resnet(const Step& s, const ResnetWeights& w, const Tensor& x, const Tensor& y) const {
  const Tensor shift = s.shifts.slice(1, w.shift_begin, w.shift_begin + y.dim[3]);
  seedstory::resnet(s.be, s.arena, w, x, shift, config_.norm_groups, config_.norm_eps, y);
}

// x <- x + proj_out(blocks(proj_in(norm(x)))), the pixels as tokens.
void Unet::transformer(const Step& s, const UnetWeights::Transformer& w, const Tensor& x) const {
  Arena::Scope scope(s.arena);
  const Tensor u = s.arena.like(x), h = s.arena.make(x.dtype, {x.dim[0], x.dim[1] * x.dim[2], x.dim[3]});
  s.be.run(GroupNorm{.y = u,
                     .x = x,
                     .w = w.norm_w,
                     .b = w.norm_b,
                     .groups = int(config_.norm_groups),
                     .eps = config_.transformer_norm_eps});
  project(s.be, w.proj_in_w, w.proj_in_b, u, h);
  for (const UnetWeights::Block& b : w.blocks) {
    self_attention(s, b, w.heads, h);
    cross_attention(s, b, w.heads, h);
    feed_forward(s, b, h);
  }
  project(s.be, w.proj_out_w, w.proj_out_b, h, x, x);
}

void Unet::self_attention(const Step& s, const UnetWeights::Block& w, int64_t heads, const Tensor& h) const {
  const int64_t c = h.dim[2], head = c / heads;
  Arena::Scope scope(s.arena);
  const Tensor u = s.arena.like(h), qkv = s.arena.make(h.dtype, {h.dim[0], h.dim[1], 3 * c});
  s.be.run(LayerNorm{.y = u, .x = h, .w = w.norm1_w, .b = w.norm1_b, .eps = kLayerNormEps});
  project(s.be, w.self_qkv, {}, u, qkv);
  s.be.run(Attention{.y = u.split(2, head),
                     .q = qkv.slice(2, 0, c).split(2, head),
                     .k = qkv.slice(2, c, 2 * c).split(2, head),
                     .v = qkv.slice(2, 2 * c, 3 * c).split(2, head),
                     .scale = 1 / std::sqrt(float(head)),
                     .compute_type = compute_type_beside(w.self_qkv)});
  project(s.be, w.self_out_w, w.self_out_b, u, h, h);
}

void Unet::cross_attention(const Step& s, const UnetWeights::Block& w, int64_t heads, const Tensor& h) const {
  const int64_t c = h.dim[2], head = c / heads;
  const Tensor& kv = s.given.kv[size_t(w.cross_index)];
  Arena::Scope scope(s.arena);
  const Tensor u = s.arena.like(h), q = s.arena.like(h);
  s.be.run(LayerNorm{.y = u, .x = h, .w = w.norm2_w, .b = w.norm2_b, .eps = kLayerNormEps});
  project(s.be, w.cross_q, {}, u, q);
  s.be.run(Attention{.y = u.split(2, head),
                     .q = q.split(2, head),
                     .k = kv.slice(2, 0, c).split(2, head),
                     .v = kv.slice(2, c, 2 * c).split(2, head),
                     .scale = 1 / std::sqrt(float(head)),
                     .compute_type = compute_type_beside(w.cross_q)});
  project(s.be, w.cross_out_w, w.cross_out_b, u, h, h);
}

void Unet::feed_forward(const Step& s, const UnetWeights::Block& w, const Tensor& h) const {
  const int64_t rows = h.rows(), c = h.dim[2];
  Arena::Scope scope(s.arena);
  const Tensor u = s.arena.like(h), product = s.arena.make(h.dtype, {rows, 4 * c});
  s.be.run(LayerNorm{.y = u, .x = h, .w = w.norm3_w, .b = w.norm3_b, .eps = kLayerNormEps});
  s.be.run(GatedLinear{.y = product,
                       .x = as_rows(u),
                       .w = w.ff_1_w,
                       .bias = w.ff_1_b,
                       .act = Activation::gelu,
                       .compute_type = DType::bf16});
  project(s.be, w.ff_2_w, w.ff_2_b, product, h, h);
}

}  // namespace seedstory
