// The table of the UNet's tensors, under diffusers' names.
#include "model/infer_config.h"
#include "model/unet.h"

namespace seedstory {
namespace {

// Walks the UNet in the order of its levels and numbers what is stacked or kept by number.
struct Lister {
  WeightTable& table;
  const UnetConfig& c;
  UnetWeights& w;
  std::vector<Stored> shift_w, shift_b;

  int64_t time_dim() const { return 4 * c.channels.front(); }

  void affine(Tensor& weight, Tensor& bias, const std::string& name, int64_t channels) {
    table.add(weight, {name + ".weight", {channels}});
    table.add(bias, {name + ".bias", {channels}});
  }
  void linear(Weight& weight, Tensor& bias, const std::string& name, int64_t out, int64_t in,
              WeightUse use = WeightUse::linear) {
    table.add(weight, {name + ".weight", {out, in}}, use);
    table.add(bias, {name + ".bias", {out}});
  }
  void conv(Weight& weight, Tensor& bias, const std::string& name, int64_t out, int64_t in,
            WeightUse use = WeightUse::conv) {
    table.add(weight, {name + ".weight", {out, in, 3, 3}}, use);
    table.add(bias, {name + ".bias", {out}});
  }

  void resnet(ResnetWeights& r, const std::string& prefix, int64_t in, int64_t out) {
    r.list(table, prefix, in, out);
    r.shift_begin = w.shift_channels;
    w.shift_channels += out;
    shift_w.push_back({prefix + "time_emb_proj.weight", {out, time_dim()}});
    shift_b.push_back({prefix + "time_emb_proj.bias", {out}});
  }

  void block(UnetWeights::Block& b, const std::string& prefix, int64_t channels) {
    const auto stored = [&](const char* name, int64_t in) {
      return Stored{.name = prefix + name + ".weight", .shape = {channels, in}};
    };
    b.cross_index = w.transformer_blocks++;
    affine(b.norm1_w, b.norm1_b, prefix + "norm1", channels);
    table.add(b.self_qkv,
              {stored("attn1.to_q", channels), stored("attn1.to_k", channels), stored("attn1.to_v", channels)},
              WeightUse::linear);
    linear(b.self_out_w, b.self_out_b, prefix + "attn1.to_out.0", channels, channels);
    affine(b.norm2_w, b.norm2_b, prefix + "norm2", channels);
    table.add(b.cross_q, stored("attn2.to_q", channels), WeightUse::linear);
    table.add(b.cross_kv, {stored("attn2.to_k", c.cross_attention_dim), stored("attn2.to_v", c.cross_attention_dim)},
              WeightUse::linear);
    linear(b.cross_out_w, b.cross_out_b, prefix + "attn2.to_out.0", channels, channels);
    affine(b.norm3_w, b.norm3_b, prefix + "norm3", channels);
    linear(b.ff_1_w, b.ff_1_b, prefix + "ff.net.0.proj", 8 * channels, channels, WeightUse::gated_linear);
    linear(b.ff_2_w, b.ff_2_b, prefix + "ff.net.2", channels, 4 * channels);
  }

  void transformer(UnetWeights::Transformer& t, const std::string& prefix, size_t level) {
    const int64_t channels = c.channels[level];
    t.heads = c.heads[level];
    head_dim("unet", channels, t.heads);
    t.blocks.resize(size_t(c.transformer_layers[level]));
    affine(t.norm_w, t.norm_b, prefix + "norm", channels);
    linear(t.proj_in_w, t.proj_in_b, prefix + "proj_in", channels, channels);
    for (size_t i = 0; i < t.blocks.size(); ++i)
      block(t.blocks[i], prefix + "transformer_blocks." + std::to_string(i) + ".", channels);
    linear(t.proj_out_w, t.proj_out_b, prefix + "proj_out", channels, channels);
  }

  void down(size_t level) {
    const std::string prefix = "down_blocks." + std::to_string(level) + ".";
    const int64_t in = c.channels[level == 0 ? 0 : level - 1], out = c.channels[level];
    UnetWeights::Path& path = w.down[level];
    path.resnets.resize(size_t(c.layers_per_block));
    path.attentions.resize(c.down_attention[level] ? path.resnets.size() : 0);
    for (size_t i = 0; i < path.resnets.size(); ++i) {
      resnet(path.resnets[i], prefix + "resnets." + std::to_string(i) + ".", i == 0 ? in : out, out);
      if (!path.attentions.empty())
        transformer(path.attentions[i], prefix + "attentions." + std::to_string(i) + ".", level);
    }
    if (level + 1 < c.channels.size()) conv(path.sampler_w, path.sampler_b, prefix + "downsamplers.0.conv", out, out);
  }

  void mid_block() {
    const int64_t channels = c.channels.back();
    w.mid.resnets.resize(2);
    w.mid.attentions.resize(1);
    resnet(w.mid.resnets[0], "mid_block.resnets.0.", channels, channels);
    transformer(w.mid.attentions[0], "mid_block.attentions.0.", c.channels.size() - 1);
    resnet(w.mid.resnets[1], "mid_block.resnets.1.", channels, channels);
  }

  // Each ResNet reads what comes from below beside one tensor of the way down: the level's own ResNets, the last of
  // them first, and then the level's input, which has the channels of the level above.
  void up(size_t level) {
    const size_t levels = c.channels.size(), index = levels - 1 - level;
    const std::string prefix = "up_blocks." + std::to_string(index) + ".";
    const int64_t below = c.channels[std::min(level + 1, levels - 1)], out = c.channels[level];
    const int64_t above = c.channels[level == 0 ? 0 : level - 1];
    UnetWeights::Path& path = w.up[level];
    path.resnets.resize(size_t(c.layers_per_block + 1));
    path.attentions.resize(c.up_attention[index] ? path.resnets.size() : 0);
    for (size_t i = 0; i < path.resnets.size(); ++i) {
      const int64_t skip = i + 1 == path.resnets.size() ? above : out;
      resnet(path.resnets[i], prefix + "resnets." + std::to_string(i) + ".", (i == 0 ? below : out) + skip, out);
      if (!path.attentions.empty())
        transformer(path.attentions[i], prefix + "attentions." + std::to_string(i) + ".", level);
    }
    if (level > 0)
      conv(path.sampler_w, path.sampler_b, prefix + "upsamplers.0.conv", out, out, WeightUse::upsample_conv);
  }
};

void need_lists_of_one_length(const UnetConfig& c) {
  const size_t levels = c.channels.size();
  if (levels == 0 || c.down_attention.size() != levels || c.up_attention.size() != levels ||
      c.transformer_layers.size() != levels || c.heads.size() != levels)
    fail_input("unet: block_out_channels, block types, transformer layers and heads differ in length");
}

}  // namespace

void UnetWeights::list(WeightTable& table, const UnetConfig& c) {
  need_lists_of_one_length(c);
  Lister lister{table, c, *this, {}, {}};
  const int64_t time_dim = lister.time_dim();
  down.resize(c.channels.size());
  up.resize(c.channels.size());
  lister.conv(conv_in_w, conv_in_b, "conv_in", c.channels.front(), c.in_channels);
  lister.linear(time_1_w, time_1_b, "time_embedding.linear_1", time_dim, c.channels.front());
  lister.linear(time_2_w, time_2_b, "time_embedding.linear_2", time_dim, time_dim);
  lister.linear(added_1_w, added_1_b, "add_embedding.linear_1", time_dim, c.added_dim);
  lister.linear(added_2_w, added_2_b, "add_embedding.linear_2", time_dim, time_dim);
  for (size_t level = 0; level < down.size(); ++level) lister.down(level);
  lister.mid_block();
  for (size_t level = up.size(); level-- > 0;) lister.up(level);
  table.add(shift_w, std::move(lister.shift_w), WeightUse::linear);
  table.add(shift_b, std::move(lister.shift_b));
  lister.affine(norm_out_w, norm_out_b, "conv_norm_out", c.channels.front());
  lister.conv(conv_out_w, conv_out_b, "conv_out", c.out_channels, c.channels.front());
}

}  // namespace seedstory
