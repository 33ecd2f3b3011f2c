// Sizes from the shapes of tensors.
#include "model/infer_config.h"

#include <fmt/format.h>

#include "model/weights.h"

namespace seedstory {
namespace {

[[noreturn]] void fail_missing(const TensorSource& source, const std::string& name) {
  const UnreadTensors unread = source.unread();
  if (const auto it = unread.find(name); it != unread.end())
    fail_input(fmt::format("{}: {} is {}, expected f32, f16, bf16 or i8", it->second.file, name, it->second.str()));
  const std::vector<std::string> names = source.names();
  const std::string file = names.empty() ? "" : source.find(names[0])->file + ": ";
  fail_input(fmt::format("{}{}: missing, the model's sizes cannot be read{}", file, name, did_you_mean(source, name)));
}

const Tensor& need(const TensorSource& source, const std::string& name, int rank) {
  const StoredTensor* t = source.find(name);
  if (!t) fail_missing(source, name);
  if (t->values.rank != rank)
    fail_input(fmt::format("{}: {} is {}, expected {} axes", t->file, name, t->values.str(), rank));
  return t->values;
}

// How many of "prefix0suffix", "prefix1suffix", ... there are.
int64_t count(const TensorSource& source, const std::string& prefix, const std::string& suffix) {
  int64_t n = 0;
  while (source.find(prefix + std::to_string(n) + suffix)) ++n;
  if (n == 0) fail_missing(source, prefix + "0" + suffix);
  return n;
}

void need_equal(const char* a, int64_t a_size, const char* b, int64_t b_size) {
  if (a_size != b_size) fail_input(fmt::format("model: {} is {}, but {} is {}", a, a_size, b, b_size));
}

}  // namespace

void read_vit_sizes(const TensorSource& source, VitConfig& vit) {
  const Tensor& conv = need(source, "conv1.weight", 4);
  vit.width = conv.dim[0];
  vit.patch_size = conv.dim[2];
  vit.layers = count(source, "transformer.resblocks.", ".ln_1.weight");
  vit.mlp = need(source, "transformer.resblocks.0.mlp.c_fc.weight", 2).dim[0];
  const Tensor& query = need(source, "attn_pool.query", 2);
  vit.queries = query.dim[0];
  vit.output_dim = query.dim[1];
}

void read_resampler_sizes(const TensorSource& source, ResamplerConfig& resampler) {
  const Tensor& query = need(source, "query", 2);
  resampler.queries = query.dim[0];
  resampler.dim = query.dim[1];
  resampler.kv_dim = source.find("kv_proj.weight") ? need(source, "kv_proj.weight", 2).dim[1] : resampler.dim;
}

void read_llama_sizes(const TensorSource& source, LlamaConfig& llm) {
  const Tensor& embed = need(source, "model.embed_tokens.weight", 2);
  llm.vocab = embed.dim[0];
  llm.hidden = embed.dim[1];
  llm.layers = count(source, "model.layers.", ".self_attn.q_proj.weight");
  llm.ffn = need(source, "model.layers.0.mlp.gate_proj.weight", 2).dim[0];
}

void read_adapter_sizes(const TensorSource& source, AdapterConfig& adapter) {
  const Tensor& latents = need(source, "latents", 3);
  adapter.queries = latents.dim[1];
  adapter.dim = latents.dim[2];
  adapter.embedding_dim = need(source, "proj_in.weight", 2).dim[1];
  adapter.depth = count(source, "layers.", ".0.norm1.weight");
  const int64_t ff = need(source, "layers.0.1.1.weight", 2).dim[0];
  if (adapter.dim == 0 || ff % adapter.dim != 0)
    fail_input(fmt::format("adapter: layers.0.1.1.weight has {} rows, no multiple of {}", ff, adapter.dim));
  adapter.ff_mult = ff / adapter.dim;
  adapter.output1 = need(source, "unet_proj_1.weight", 2).dim[0];
  adapter.output2 = need(source, "unet_proj_2.weight", 2).dim[0];
}

void check_sizes(const ModelConfig& m) {
  need_equal("input_resampler.kv_dim", m.input_resampler.kv_dim, "vit.output_dim", m.vit.output_dim);
  need_equal("input_resampler.dim", m.input_resampler.dim, "llm.hidden", m.llm.hidden);
  need_equal("output_resampler.kv_dim", m.output_resampler.kv_dim, "llm.hidden", m.llm.hidden);
  need_equal("output_resampler.dim", m.output_resampler.dim, "vit.output_dim", m.vit.output_dim);
  need_equal("output_resampler.queries", m.output_resampler.queries, "vit.queries", m.vit.queries);
  need_equal("adapter.embedding_dim", m.adapter.embedding_dim, "vit.output_dim", m.vit.output_dim);
  need_equal("unet.cross_attention_dim", m.unet.cross_attention_dim, "adapter.output1 + output2",
             m.adapter.output1 + m.adapter.output2);
  need_equal("unet.added_dim", m.unet.added_dim, "adapter.output2 + 6 unet.time_id_dim",
             m.adapter.output2 + 6 * m.unet.time_id_dim);
  need_equal("unet.in_channels", m.unet.in_channels, "vae.latent_channels", m.vae.latent_channels);
}

int64_t head_dim(const char* network, int64_t width, int64_t heads) {
  if (heads <= 0 || width % heads != 0)
    fail_input(fmt::format("{}: a width of {} does not divide into {} heads", network, width, heads));
  return width / heads;
}

}  // namespace seedstory
