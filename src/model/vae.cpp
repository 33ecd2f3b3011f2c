// ResNets and one attention at the middle, up or down a factor of two per level.
#include "model/vae.h"

#include <cmath>

namespace seedstory {
namespace {

bool of_encoder(std::string_view name) {
  return name.starts_with("encoder.") || name.starts_with("quant_conv.");
}

void attention(Backend& be, Arena& arena, const VaeMiddleWeights& w, const VaeConfig& c, const Tensor& x) {
  const int64_t n = x.dim[0], tokens = x.dim[1] * x.dim[2], channels = x.dim[3];
  Arena::Scope scope(arena);
  const Tensor u = arena.like(x), qkv = arena.make(x.dtype, {n, tokens, 1, 3 * channels});
  be.run(GroupNorm{.y = u, .x = x, .w = w.norm_w, .b = w.norm_b, .groups = int(c.norm_groups), .eps = c.norm_eps});
  project(be, w.qkv_w, w.qkv_b, u, qkv);
  be.run(Attention{.y = u.reshape({n, tokens, 1, channels}),
                   .q = qkv.slice(3, 0, channels),
                   .k = qkv.slice(3, channels, 2 * channels),
                   .v = qkv.slice(3, 2 * channels, 3 * channels),
                   .scale = 1 / std::sqrt(float(channels)),
                   .compute_type = compute_type_beside(w.qkv_w)});
  project(be, w.out_w, w.out_b, u, x, x);
}

// x -> y, both (n, h, w, c).
void mid_block(Backend& be, Arena& arena, const VaeMiddleWeights& w, const VaeConfig& c, const Tensor& x,
               const Tensor& y) {
  Arena::Scope scope(arena);
  const Tensor h = arena.like(x);
  resnet(be, arena, w.before, x, {}, c.norm_groups, c.norm_eps, h);
  attention(be, arena, w, c, h);
  resnet(be, arena, w.after, h, {}, c.norm_groups, c.norm_eps, y);
}

// x -> y, y of the channels that the level ends with.
void resnets(Backend& be, Arena& arena, const VaeWeights::Level& level, const VaeConfig& c, const Tensor& x,
             const Tensor& y) {
  Arena::Scope scope(arena);
  Tensor h = x;
  for (const ResnetWeights& w : level.resnets) {
    const Tensor out = &w == &level.resnets.back() ? y : arena.like(y);
    resnet(be, arena, w, h, {}, c.norm_groups, c.norm_eps, out);
    h = out;
  }
}

void list_sampler(WeightTable& table, VaeWeights::Level& level, const std::string& name, int64_t channels,
                  WeightUse use) {
  table.add(level.sampler_w, {name + ".weight", {channels, channels, 3, 3}}, use);
  table.add(level.sampler_b, {name + ".bias", {channels}});
}

void list_conv(WeightTable& table, Weight& w, Tensor& b, const std::string& name, int64_t out, int64_t in,
               int64_t size) {
  table.add(w, {name + ".weight", {out, in, size, size}}, WeightUse::conv);
  table.add(b, {name + ".bias", {out}});
}

}  // namespace

// Files before diffusers 0.15 call the projections query, key, value and proj_attn, and may hold them as 1x1
// convolutions.
void VaeMiddleWeights::list(WeightTable& table, const std::string& prefix, int64_t channels) {
  const std::string attention = prefix + "attentions.0.";
  const auto w = [&](const char* name, const char* other) {
    return Stored{.name = attention + name + ".weight",
                  .shape = {channels, channels},
                  .other_name = attention + other + ".weight"};
  };
  const auto b = [&](const char* name, const char* other) {
    return Stored{.name = attention + name + ".bias", .shape = {channels}, .other_name = attention + other + ".bias"};
  };
  before.list(table, prefix + "resnets.0.", channels, channels);
  table.add(norm_w, {attention + "group_norm.weight", {channels}});
  table.add(norm_b, {attention + "group_norm.bias", {channels}});
  table.add(qkv_w, {w("to_q", "query"), w("to_k", "key"), w("to_v", "value")}, WeightUse::linear);
  table.add(qkv_b, {b("to_q", "query"), b("to_k", "key"), b("to_v", "value")});
  table.add(out_w, w("to_out.0", "proj_attn"), WeightUse::linear);
  table.add(out_b, b("to_out.0", "proj_attn"));
  after.list(table, prefix + "resnets.1.", channels, channels);
}

void VaeWeights::list_decoder(WeightTable& table, const VaeConfig& c) {
  const int64_t latent = c.latent_channels, last = int64_t(c.channels.size()) - 1;
  levels.resize(c.channels.size());
  list_conv(table, latent_conv_w, latent_conv_b, "post_quant_conv", latent, latent, 1);
  list_conv(table, conv_in_w, conv_in_b, "decoder.conv_in", c.channels.back(), latent, 3);
  mid.list(table, "decoder.mid_block.", c.channels.back());
  for (int64_t i = 0; i <= last; ++i) {
    const std::string prefix = "decoder.up_blocks." + std::to_string(i) + ".";
    const int64_t in = c.channels[size_t(std::min(last, last - i + 1))], out = c.channels[size_t(last - i)];
    VaeWeights::Level& level = levels[size_t(i)];
    level.resnets.resize(size_t(c.layers_per_block + 1));
    for (size_t r = 0; r < level.resnets.size(); ++r)
      level.resnets[r].list(table, prefix + "resnets." + std::to_string(r) + ".", r == 0 ? in : out, out);
    if (i < last) list_sampler(table, level, prefix + "upsamplers.0.conv", out, WeightUse::upsample_conv);
  }
  table.add(norm_out_w, {"decoder.conv_norm_out.weight", {c.channels.front()}});
  table.add(norm_out_b, {"decoder.conv_norm_out.bias", {c.channels.front()}});
  list_conv(table, conv_out_w, conv_out_b, "decoder.conv_out", 3, c.channels.front(), 3);
}

void VaeWeights::list_encoder(WeightTable& table, const VaeConfig& c) {
  const int64_t moments = 2 * c.latent_channels, last = int64_t(c.channels.size()) - 1;
  levels.resize(c.channels.size());
  list_conv(table, conv_in_w, conv_in_b, "encoder.conv_in", c.channels.front(), 3, 3);
  for (int64_t i = 0; i <= last; ++i) {
    const std::string prefix = "encoder.down_blocks." + std::to_string(i) + ".";
    const int64_t in = c.channels[size_t(std::max<int64_t>(0, i - 1))], out = c.channels[size_t(i)];
    VaeWeights::Level& level = levels[size_t(i)];
    level.resnets.resize(size_t(c.layers_per_block));
    for (size_t r = 0; r < level.resnets.size(); ++r)
      level.resnets[r].list(table, prefix + "resnets." + std::to_string(r) + ".", r == 0 ? in : out, out);
    if (i < last) list_sampler(table, level, prefix + "downsamplers.0.conv", out, WeightUse::conv);
  }
  mid.list(table, "encoder.mid_block.", c.channels.back());
  table.add(norm_out_w, {"encoder.conv_norm_out.weight", {c.channels.back()}});
  table.add(norm_out_b, {"encoder.conv_norm_out.bias", {c.channels.back()}});
  list_conv(table, conv_out_w, conv_out_b, "encoder.conv_out", moments, c.channels.back(), 3);
  list_conv(table, latent_conv_w, latent_conv_b, "quant_conv", moments, moments, 1);
}

VaeDecoder::VaeDecoder(const VaeConfig& config, const WeightLoader& loader) : config_(config) {
  WeightTable table;
  w_.list_decoder(table, config_);
  loaded_ = loader.load(table, of_encoder);
}

Tensor VaeDecoder::forward(Backend& be, Arena& arena, const Tensor& latent) const {
  const int64_t n = latent.dim[0], last = int64_t(config_.channels.size()) - 1;
  int64_t height = latent.dim[1], width = latent.dim[2];
  const Tensor y = arena.make(latent.dtype, {n, height << last, width << last, 3});
  Arena::Scope scope(arena);
  be.probe("vae.latent", latent, Layout::nhwc);

  const Tensor z = arena.like(latent), top = arena.make(latent.dtype, {n, height, width, config_.channels.back()});
  Tensor h = arena.like(top);
  be.run(Conv2d{.y = z, .x = latent, .w = w_.latent_conv_w, .bias = w_.latent_conv_b});
  conv3x3(be, w_.conv_in_w, w_.conv_in_b, z, top);
  mid_block(be, arena, w_.mid, config_, top, h);
  for (int64_t i = 0; i <= last; ++i) {
    const VaeWeights::Level& level = w_.levels[size_t(i)];
    const int64_t channels = config_.channels[size_t(last - i)], upsample2x = level.sampler_w ? 2 : 1;
    const Tensor out = arena.make(latent.dtype, {n, height * upsample2x, width * upsample2x, channels});
    if (level.sampler_w) {
      Arena::Scope inner(arena);
      const Tensor small = arena.make(latent.dtype, {n, height, width, channels});
      resnets(be, arena, level, config_, h, small);
      conv_upsample2x(be, level.sampler_w, level.sampler_b, small, out);
    } else {
      resnets(be, arena, level, config_, h, out);
    }
    h = out;
    height = out.dim[1], width = out.dim[2];
  }
  be.run(GroupNorm{.y = h,
                   .x = h,
                   .w = w_.norm_out_w,
                   .b = w_.norm_out_b,
                   .groups = int(config_.norm_groups),
                   .eps = config_.norm_eps,
                   .act = Activation::silu});
  conv3x3(be, w_.conv_out_w, w_.conv_out_b, h, y);
  be.probe("vae.decoded", y, Layout::nhwc);
  return y;
}

VaeEncoder::VaeEncoder(const VaeConfig& config, const WeightLoader& loader) : config_(config) {
  WeightTable table;
  w_.list_encoder(table, config_);
  loaded_ = loader.load(table, [](std::string_view name) {
    return name.starts_with("decoder.") || name.starts_with("post_quant_conv.");
  });
}

Tensor VaeEncoder::forward(Backend& be, Arena& arena, const Tensor& picture) const {
  const int64_t n = picture.dim[0], last = int64_t(config_.channels.size()) - 1;
  int64_t height = picture.dim[1], width = picture.dim[2];
  const Tensor y = arena.make(picture.dtype, {n, height >> last, width >> last, 2 * config_.latent_channels});
  Arena::Scope scope(arena);
  Tensor h = arena.make(picture.dtype, {n, height, width, config_.channels.front()});
  conv3x3(be, w_.conv_in_w, w_.conv_in_b, picture, h);
  for (int64_t i = 0; i <= last; ++i) {
    const VaeWeights::Level& level = w_.levels[size_t(i)];
    const int64_t channels = config_.channels[size_t(i)];
    const Tensor out = arena.make(picture.dtype, {n, height, width, channels});
    resnets(be, arena, level, config_, h, out);
    h = out;
    if (!level.sampler_w) continue;
    height /= 2, width /= 2;
    h = arena.make(picture.dtype, {n, height, width, channels});
    // diffusers pads below and to the right only.
    be.run(Conv2d{
        .y = h, .x = out, .w = level.sampler_w, .bias = level.sampler_b, .stride = 2, .pad_begin = 0, .pad_end = 1});
  }
  const Tensor mid = arena.like(h), moments = arena.like(y);
  mid_block(be, arena, w_.mid, config_, h, mid);
  be.run(GroupNorm{.y = mid,
                   .x = mid,
                   .w = w_.norm_out_w,
                   .b = w_.norm_out_b,
                   .groups = int(config_.norm_groups),
                   .eps = config_.norm_eps,
                   .act = Activation::silu});
  conv3x3(be, w_.conv_out_w, w_.conv_out_b, mid, moments);
  be.run(Conv2d{.y = y, .x = moments, .w = w_.latent_conv_w, .bias = w_.latent_conv_b});
  return y;
}

}  // namespace seedstory
