// UNet2DConditionModel of the SDXL family (diffusers 0.25), any number of levels.
#pragma once

#include "model/model_config.h"
#include "model/resnet.h"

namespace seedstory {

struct UnetWeights {
  struct Block {
    Tensor norm1_w, norm1_b, norm2_w, norm2_b, norm3_w, norm3_b;  // (c)
    Weight self_qkv, self_out_w;                                  // (3 c, c), (c, c)
    Weight cross_q, cross_out_w;                                  // (c, c)
    Weight cross_kv;                                              // (2 c, cross_attention_dim)
    Weight ff_1_w, ff_2_w;                                        // (8 c, c), (c, 4 c)
    Tensor self_out_b, cross_out_b, ff_1_b, ff_2_b;               // (c), (c), (8 c), (c)
    int cross_index;                                              // into UnetConditioning::kv
  };
  struct Transformer {
    Tensor norm_w, norm_b;         // (c)
    Weight proj_in_w, proj_out_w;  // (c, c)
    Tensor proj_in_b, proj_out_b;  // (c)
    std::vector<Block> blocks;
    int64_t heads;
  };
  // A level's half on the way down or up.
  struct Path {
    std::vector<ResnetWeights> resnets;
    std::vector<Transformer> attentions;  // one a resnet, or none
    Weight sampler_w;                     // (c, c, 3, 3), absent at the end of the way
    Tensor sampler_b;                     // (c)
  };
  Weight conv_in_w, conv_out_w;
  Tensor conv_in_b, conv_out_b;
  Weight time_1_w, time_2_w, added_1_w, added_2_w;
  Tensor time_1_b, time_2_b, added_1_b, added_2_b;
  Weight shift_w;  // every ResNet's time_emb_proj, stacked
  Tensor shift_b;
  std::vector<Path> down;  // by level
  Path mid;                // two resnets, one transformer
  std::vector<Path> up;    // by level: up_blocks read backwards
  Tensor norm_out_w, norm_out_b;

  void list(WeightTable& table, const UnetConfig& config);

  int transformer_blocks = 0;
  int64_t shift_channels = 0;
};

// What of a frame does not change from step to step, for every picture of the batch: under guidance 0 is the
// unconditional one and 1 the conditional one.
struct UnetConditioning {
  std::vector<Tensor> kv;  // one per transformer block: (pictures, tokens, 2 c), [K | V] of the cross attention
  Tensor shifts;  // f32 (steps, pictures, shift_channels): what every ResNet adds to its channels, at every step
};

class Unet {
 public:
  Unet(const UnetConfig& config, const WeightLoader& loader);

  // For activations of that type.
  UnetConditioning make_conditioning(Arena& arena, DType type, int64_t pictures, int64_t tokens, int64_t steps) const;

  // Computes one picture of `to`. prompt (1, tokens, cross_attention_dim), pooled (1, added_dim - 6 time_id_dim),
  // time_ids f32 (6): original height and width, crop top and left, target height and width; timesteps f32 (steps).
  // `arena` is for scratch.
  void condition(Backend& be, Arena& arena, int64_t picture, const Tensor& prompt, const Tensor& pooled,
                 const Tensor& time_ids, const Tensor& timesteps, const UnetConditioning& to) const;

  // x (pictures, h, w, in_channels), step i32 (1) -> (pictures, h, w, out_channels); h and w divide by 2^(levels - 1).
  // Its ops depend on the contents of tensors alone (Backend::repeat).
  Tensor forward(Backend& be, Arena& arena, const Tensor& x, const Tensor& step, const UnetConditioning& given) const;

  const UnetConfig& config() const { return config_; }

 private:
  struct Step;  // what all blocks of one forward pass share
  void embed_times(Backend& be, Arena& arena, const Tensor& timesteps, const Tensor& added, const Tensor& shifts) const;
  void level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const;
  void begin_level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const;
  void next_level(const Step& s, size_t l, const Tensor& x, const Tensor& y) const;
  void mid_block(const Step& s, const Tensor& x, const Tensor& y) const;
  void resnet(const Step& s, const ResnetWeights& w, const Tensor& x, const Tensor& y) const;
  void transformer(const Step& s, const UnetWeights::Transformer& w, const Tensor& x) const;
  void self_attention(const Step& s, const UnetWeights::Block& w, int64_t heads, const Tensor& h) const;
  void cross_attention(const Step& s, const UnetWeights::Block& w, int64_t heads, const Tensor& h) const;
  void feed_forward(const Step& s, const UnetWeights::Block& w, const Tensor& h) const;

  UnetConfig config_;
  UnetWeights w_;
  WeightBlock loaded_;
};

}  // namespace seedstory
