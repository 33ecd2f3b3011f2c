// Field by field. What this program does not compute is refused by name.
#include "load/config_json.h"

namespace seedstory {
namespace {

// Fails unless the field is absent or has the one value that this program computes.
template <class T>
void only(const JsonFields& fields, const std::string& key, const T& expected) {
  T value = expected;
  if constexpr (std::is_same_v<T, int64_t>)
    fields.get(key, value, 0);
  else
    fields.get(key, value);
  if (value != expected) fields.wrong(key, fmt::format("{} came, only {} is supported", value, expected));
}

// From 0 to `most`.
void get_between(const JsonFields& fields, const std::string& key, double most, double& value) {
  fields.get(key, value);
  if (!(value >= 0 && value <= most)) fields.wrong(key, fmt::format("{} came, expected 0 to {}", value, most));
}

// block_types such as ["DownBlock2D", "CrossAttnDownBlock2D"]: which have attention?
void read_blocks(const JsonFields& fields, const std::string& key, const std::string& plain,
                 const std::string& attention, size_t levels, std::vector<bool>& out) {
  if (!fields.has(key)) {
    if (out.size() != levels) fields.wrong(key, "is missing");
    return;
  }
  std::vector<std::string> types;
  fields.get(key, types);
  if (types.size() != levels)
    fields.wrong(key, fmt::format("{} entries came, expected {} as block_out_channels", types.size(), levels));
  out.clear();
  for (const std::string& type : types) {
    if (type != plain && type != attention)
      fields.wrong(key, fmt::format("\"{}\" came, expected {} or {}", type, plain, attention));
    out.push_back(type == attention);
  }
}

}  // namespace

void read_vit_config(const JsonFields& fields, VitConfig& vit) {
  fields.get("image_size", vit.image_size, 1, 4096);
  fields.get("patch_size", vit.patch_size, 1, 4096);
  fields.get("width", vit.width);
  fields.get("layers", vit.layers, 0, 1024);
  fields.get("heads", vit.heads);
  fields.get("mlp", vit.mlp);
  fields.get("queries", vit.queries);
  fields.get("output_dim", vit.output_dim);
  fields.get("attn_pool_heads", vit.attn_pool_heads);
  fields.get("ln_eps", vit.ln_eps);
}

void read_resampler_config(const JsonFields& fields, ResamplerConfig& resampler) {
  fields.get("queries", resampler.queries);
  fields.get("dim", resampler.dim);
  fields.get("kv_dim", resampler.kv_dim);
  fields.get("heads", resampler.heads);
  fields.get("ln_eps", resampler.ln_eps);
}

void read_llama_config(const JsonFields& fields, LlamaConfig& llm) {
  fields.get("hidden", llm.hidden);
  fields.get("layers", llm.layers, 0, 1024);
  fields.get("heads", llm.heads);
  fields.get("ffn", llm.ffn);
  fields.get("vocab", llm.vocab);
  fields.get("max_positions", llm.max_positions);
  fields.get("rms_norm_eps", llm.rms_norm_eps);
  fields.get("rope_theta", llm.rope_theta);
}

void read_adapter_config(const JsonFields& fields, AdapterConfig& adapter) {
  fields.get("dim", adapter.dim);
  fields.get("depth", adapter.depth, 0, 1024);
  fields.get("heads", adapter.heads);
  fields.get("dim_head", adapter.dim_head);
  fields.get("queries", adapter.queries);
  fields.get("embedding_dim", adapter.embedding_dim);
  fields.get("output1", adapter.output1);
  fields.get("output2", adapter.output2);
  fields.get("ff_mult", adapter.ff_mult);
}

void read_unet_config(const JsonFields& fields, UnetConfig& unet) {
  only<std::string>(fields, "act_fn", "silu");
  only<std::string>(fields, "addition_embed_type", "text_time");
  only<bool>(fields, "use_linear_projection", true);
  only<bool>(fields, "flip_sin_to_cos", true);
  only<int64_t>(fields, "freq_shift", 0);
  fields.get("in_channels", unet.in_channels);
  fields.get("out_channels", unet.out_channels);
  fields.get("block_out_channels", unet.channels);
  const size_t levels = unet.channels.size();
  if (levels < 1 || levels > 8)
    fields.wrong("block_out_channels", fmt::format("{} levels came, expected 1 to 8", levels));
  read_blocks(fields, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", levels, unet.down_attention);
  read_blocks(fields, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", levels, unet.up_attention);
  fields.get("layers_per_block", unet.layers_per_block, 1, 64);
  fields.get("transformer_layers_per_block", unet.transformer_layers, levels);
  // A historical misnomer of diffusers: attention_head_dim is the number of heads.
  fields.get("attention_head_dim", unet.heads, levels);
  fields.get("num_attention_heads", unet.heads, levels);
  fields.get("cross_attention_dim", unet.cross_attention_dim);
  fields.get("norm_num_groups", unet.norm_groups);
  fields.get("norm_eps", unet.norm_eps);
  fields.get("addition_time_embed_dim", unet.time_id_dim);
  fields.get("projection_class_embeddings_input_dim", unet.added_dim);
  if (unet.transformer_layers.size() != levels) fields.wrong("transformer_layers_per_block", "is missing");
  if (unet.heads.size() != levels) fields.wrong("attention_head_dim", "is missing");
  for (size_t l = 0; l < levels; ++l) {
    const int64_t c = unet.channels[l];
    if (c < 1 || c % unet.norm_groups != 0)
      fields.wrong("block_out_channels",
                   fmt::format("{} is not a multiple of norm_num_groups {}", c, unet.norm_groups));
    if (unet.heads[l] < 1 || c % unet.heads[l] != 0)
      fields.wrong("attention_head_dim", fmt::format("{} heads do not divide {} channels", unet.heads[l], c));
  }
}

void read_vae_config(const JsonFields& fields, VaeConfig& vae) {
  only<std::string>(fields, "act_fn", "silu");
  fields.get("latent_channels", vae.latent_channels);
  fields.get("block_out_channels", vae.channels);
  fields.get("layers_per_block", vae.layers_per_block, 1, 64);
  fields.get("norm_num_groups", vae.norm_groups);
  fields.get("scaling_factor", vae.scaling_factor);
  if (vae.channels.empty() || vae.channels.size() > 8)
    fields.wrong("block_out_channels", fmt::format("{} levels came, expected 1 to 8", vae.channels.size()));
  for (int64_t c : vae.channels)
    if (c < 1 || c % vae.norm_groups != 0)
      fields.wrong("block_out_channels", fmt::format("{} is not a multiple of norm_num_groups {}", c, vae.norm_groups));
  if (!(vae.scaling_factor > 0)) fields.wrong("scaling_factor", "expected a number above 0");
}

void read_scheduler_config(const JsonFields& fields, SchedulerConfig& scheduler) {
  only<std::string>(fields, "beta_schedule", "scaled_linear");
  only<std::string>(fields, "timestep_spacing", "leading");
  only<bool>(fields, "use_karras_sigmas", false);
  fields.get("num_train_timesteps", scheduler.train_timesteps, 1, 100000);
  fields.get("beta_start", scheduler.beta_start);
  fields.get("beta_end", scheduler.beta_end);
  fields.get("steps_offset", scheduler.steps_offset, 0, 1000);
  fields.get("prediction_type", scheduler.prediction, kPredictions);
}

void read_defaults(const JsonFields& fields, Defaults& defaults) {
  fields.get("policy", defaults.policy, kPolicies);
  fields.get("window", defaults.window, 1, 100000);
  fields.get("steps", defaults.steps, 1, 100000);
  fields.get("cfg", defaults.cfg);
  fields.get("width", defaults.width, 1, 16384);
  fields.get("height", defaults.height, 1, 16384);
  get_between(fields, "temp", 100, defaults.temperature);
  fields.get("top_k", defaults.top_k, 0);
  get_between(fields, "top_p", 1, defaults.top_p);
  get_between(fields, "min_p", 1, defaults.min_p);
}

void check_config(const ModelConfig& c, const std::string& where) {
  const auto same = [&](const char* a, int64_t a_value, const char* b, int64_t b_value) {
    if (a_value != b_value)
      fail_input(fmt::format("{}: {} is {}, {} is {}; they must be equal", where, a, a_value, b, b_value));
  };
  const auto divides = [&](const char* a, int64_t a_value, const char* b, int64_t b_value) {
    if (a_value < 1 || b_value % a_value != 0)
      fail_input(fmt::format("{}: {} is {}, which does not divide {} {}", where, a, a_value, b, b_value));
  };
  same("input_resampler.kv_dim", c.input_resampler.kv_dim, "vit.output_dim", c.vit.output_dim);
  same("input_resampler.dim", c.input_resampler.dim, "llm.hidden", c.llm.hidden);
  same("output_resampler.kv_dim", c.output_resampler.kv_dim, "llm.hidden", c.llm.hidden);
  same("output_resampler.dim", c.output_resampler.dim, "vit.output_dim", c.vit.output_dim);
  same("output_resampler.queries", c.output_resampler.queries, "vit.queries", c.vit.queries);
  same("adapter.embedding_dim", c.adapter.embedding_dim, "vit.output_dim", c.vit.output_dim);
  same("adapter.output1 + output2", c.adapter.output1 + c.adapter.output2, "unet.cross_attention_dim",
       c.unet.cross_attention_dim);
  same("adapter.output2 + 6 unet.addition_time_embed_dim", c.adapter.output2 + 6 * c.unet.time_id_dim,
       "unet.projection_class_embeddings_input_dim", c.unet.added_dim);
  same("unet.in_channels", c.unet.in_channels, "vae.latent_channels", c.vae.latent_channels);
  same("unet.out_channels", c.unet.out_channels, "vae.latent_channels", c.vae.latent_channels);
  divides("vit.patch_size", c.vit.patch_size, "vit.image_size", c.vit.image_size);
  divides("vit.heads", c.vit.heads, "vit.width", c.vit.width);
  divides("vit.attn_pool_heads", c.vit.attn_pool_heads, "vit.output_dim", c.vit.output_dim);
  divides("llm.heads", c.llm.heads, "llm.hidden", c.llm.hidden);
  divides("2 llm.heads", 2 * c.llm.heads, "llm.hidden", c.llm.hidden);
  divides("input_resampler.heads", c.input_resampler.heads, "its dim", c.input_resampler.dim);
  divides("output_resampler.heads", c.output_resampler.heads, "its dim", c.output_resampler.dim);
  divides("adapter.heads", c.adapter.heads, "its dim", c.adapter.dim);
}

}  // namespace seedstory
