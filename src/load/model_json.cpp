// The other way round than config_json.cpp, field by field.
#include "load/model_json.h"

#include <fmt/format.h>

#include <cstdlib>

namespace seedstory {
namespace {

// With the digits that a person writes, which are read as the same float.
double written(float x) {
  return std::strtod(fmt::format("{}", x).c_str(), nullptr);
}

Json vit_json(const VitConfig& c) {
  return {{"image_size", c.image_size}, {"patch_size", c.patch_size}, {"width", c.width},
          {"layers", c.layers},         {"heads", c.heads},           {"mlp", c.mlp},
          {"queries", c.queries},       {"output_dim", c.output_dim}, {"attn_pool_heads", c.attn_pool_heads},
          {"ln_eps", written(c.ln_eps)}};
}

Json llm_json(const LlamaConfig& c) {
  return {{"hidden", c.hidden},         {"layers", c.layers},
          {"heads", c.heads},           {"ffn", c.ffn},
          {"vocab", c.vocab},           {"rms_norm_eps", written(c.rms_norm_eps)},
          {"rope_theta", c.rope_theta}, {"max_positions", c.max_positions}};
}

Json resampler_json(const ResamplerConfig& c) {
  return {
      {"queries", c.queries}, {"dim", c.dim}, {"kv_dim", c.kv_dim}, {"heads", c.heads}, {"ln_eps", written(c.ln_eps)}};
}

Json adapter_json(const AdapterConfig& c) {
  return {{"dim", c.dim},           {"depth", c.depth},     {"heads", c.heads},
          {"dim_head", c.dim_head}, {"queries", c.queries}, {"embedding_dim", c.embedding_dim},
          {"output1", c.output1},   {"output2", c.output2}, {"ff_mult", c.ff_mult}};
}

Json block_types(const std::vector<bool>& attention, const char* with, const char* without) {
  Json types = Json::array();
  for (const bool has : attention) types.push_back(has ? with : without);
  return types;
}

Json unet_json(const UnetConfig& c) {
  return {{"in_channels", c.in_channels},
          {"out_channels", c.out_channels},
          {"block_out_channels", c.channels},
          {"down_block_types", block_types(c.down_attention, "CrossAttnDownBlock2D", "DownBlock2D")},
          {"up_block_types", block_types(c.up_attention, "CrossAttnUpBlock2D", "UpBlock2D")},
          {"layers_per_block", c.layers_per_block},
          {"transformer_layers_per_block", c.transformer_layers},
          {"attention_head_dim", c.heads},
          {"cross_attention_dim", c.cross_attention_dim},
          {"norm_num_groups", c.norm_groups},
          {"norm_eps", written(c.norm_eps)},
          {"addition_time_embed_dim", c.time_id_dim},
          {"projection_class_embeddings_input_dim", c.added_dim}};
}

Json vae_json(const VaeConfig& c) {
  return {{"latent_channels", c.latent_channels},
          {"block_out_channels", c.channels},
          {"layers_per_block", c.layers_per_block},
          {"norm_num_groups", c.norm_groups},
          {"scaling_factor", written(c.scaling_factor)}};
}

Json scheduler_json(const SchedulerConfig& c) {
  return {{"num_train_timesteps", c.train_timesteps},
          {"beta_start", c.beta_start},
          {"beta_end", c.beta_end},
          {"steps_offset", c.steps_offset},
          {"prediction_type", name_of(kPredictions, c.prediction)}};
}

}  // namespace

Json defaults_json(const Defaults& d, const char* cfg) {
  return {{"policy", name_of(kPolicies, d.policy)},
          {"window", d.window},
          {"steps", d.steps},
          {cfg, d.cfg},
          {"width", d.width},
          {"height", d.height},
          {"temp", d.temperature},
          {"top_k", d.top_k},
          {"top_p", d.top_p},
          {"min_p", d.min_p}};
}

Json weights_json(const ModelDir& model) {
  return {{"type", name_of(*model.weights)}, {"keep", strings_of(model.keep)}};
}

Json model_json(const ModelDir& model) {
  const ModelConfig& c = model.config;
  const SinkSpans& s = c.spans;
  Json json = {{"format", "seedstory"}, {"version", 1}, {"name", c.name}};
  if (!model.licence.empty()) json["licence"] = model.licence;
  if (!model.training_data.empty()) json["training_data"] = model.training_data;
  json["files"] = {{"vit", "vit.safetensors"},
                   {"llm", "llm.safetensors"},
                   {"detokenizer", "detokenizer.safetensors"},
                   {"vae", "vae.safetensors"}};
  if (model.weights) json["weights"] = weights_json(model);
  json["tokenizer"] = {{"model", "tokenizer.model"}, {"added_tokens", "added_tokens.json"}, {"legacy", model.legacy}};
  if (!model.words.empty()) json["words"] = "words.txt";
  json["vit"] = vit_json(c.vit);
  json["llm"] = llm_json(c.llm);
  json["input_resampler"] = resampler_json(c.input_resampler);
  json["output_resampler"] = resampler_json(c.output_resampler);
  json["adapter"] = adapter_json(c.adapter);
  json["unet"] = unet_json(c.unet);
  json["vae"] = vae_json(c.vae);
  json["scheduler"] = scheduler_json(c.scheduler);
  json["call_ends"] = name_of(kCallEnds, c.call_ends);
  json["call_prefix"] = c.call_prefix;
  json["spans"] = {s.before_begin, s.after_begin, s.before_end, s.after_end};
  json["defaults"] = defaults_json(c.defaults, "cfg");
  return json;
}

}  // namespace seedstory
