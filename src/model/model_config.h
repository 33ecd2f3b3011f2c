// Every size of a model. Published or ours, whatever the files say ends here (story/model_dir reads them).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "request/choices.h"
#include "seedstory/ops.h"

namespace seedstory {

// Qwen-VL's ViT with attention pool.
struct VitConfig {
  int64_t image_size = 448, patch_size = 14;
  int64_t width = 1664, layers = 48, heads = 16, mlp = 8192;
  int64_t queries = 256, output_dim = 4096, attn_pool_heads = 32;
  float ln_eps = 1e-6f;  // of every LayerNorm, the pool's too
};

// Queries that read a sequence through one attention layer.
struct ResamplerConfig {
  int64_t queries = 64, dim = 4096;
  int64_t kv_dim = 4096;  // width of the input; there is a kv_proj if it is not dim
  int64_t heads = 32;
  float ln_eps = 1e-5f;
};

struct LlamaConfig {
  int64_t hidden = 4096, layers = 32, heads = 32, ffn = 11008, vocab = 32066;
  int64_t max_positions = 4096;
  float rms_norm_eps = 1e-5f;
  double rope_theta = 10000.0;
};

// ResamplerXLV2.
struct AdapterConfig {
  int64_t dim = 1024, depth = 4, heads = 16, dim_head = 64, queries = 64;
  int64_t embedding_dim = 4096, output1 = 768, output2 = 1280, ff_mult = 4;
  float ln_eps = 1e-5f;
};

// UNet2DConditionModel of the SDXL family. Level 0 is the finest.
struct UnetConfig {
  int64_t in_channels = 4, out_channels = 4;
  std::vector<int64_t> channels = {320, 640, 1280};        // block_out_channels
  std::vector<bool> down_attention = {false, true, true};  // CrossAttnDownBlock2D?
  std::vector<bool> up_attention = {true, true, false};    // CrossAttnUpBlock2D? in the order of up_blocks
  std::vector<int64_t> transformer_layers = {1, 2, 10};    // a level
  std::vector<int64_t> heads = {5, 10, 20};                // a level; "attention_head_dim" in the files
  int64_t layers_per_block = 2;
  int64_t cross_attention_dim = 2048;
  int64_t norm_groups = 32;
  float norm_eps = 1e-5f, transformer_norm_eps = 1e-6f;
  int64_t time_id_dim = 256;  // addition_time_embed_dim
  int64_t added_dim = 2816;   // projection_class_embeddings_input_dim: pooled + 6 ids
};

struct VaeConfig {
  int64_t latent_channels = 4;
  std::vector<int64_t> channels = {128, 256, 512, 512};  // block_out_channels
  int64_t layers_per_block = 2;                          // of the encoder; the decoder has one more
  int64_t norm_groups = 32;
  float norm_eps = 1e-6f;
  float scaling_factor = 0.13025f;
};

// What the UNet says: the noise in its input, or v = alpha noise - sigma picture.
enum class Prediction { epsilon, v };
inline constexpr Choice<Prediction> kPredictions[] = {
    {Prediction::epsilon, "epsilon", "the noise in its input"},
    {Prediction::v, "v_prediction", "alpha noise - sigma picture"},
};

struct SchedulerConfig {
  int64_t train_timesteps = 1000;
  double beta_start = 0.00085, beta_end = 0.012;  // scaled_linear
  int64_t steps_offset = 1;
  Prediction prediction = Prediction::epsilon;
};

// Where a call of the LLM ends: the published model goes on to </s>, nano at </img>.
enum class CallEnd { eos, eoi };
inline constexpr Choice<CallEnd> kCallEnds[] = {
    {CallEnd::eos, "eos", "at </s>"},
    {CallEnd::eoi, "eoi", "at </img>"},
};

// Which tokens round an evicted picture with <img> at b and </img> at e stay in an mm_sink cache:
// [b - before_begin, b + after_begin) and [e - before_end, e + after_end).
struct SinkSpans {
  int64_t before_begin = 4, after_begin = 8, before_end = 8, after_end = 4;
};

struct Defaults {
  Policy policy = Policy::window;
  int64_t window = 8, steps = 50, width = 1024, height = 1024;
  double cfg = 7.5;
  // Sampling of tokens, as SamplingParams has it. Temperature 0: greedy, as in the published program.
  double temperature = 0, top_p = 0.95, min_p = 0.05;
  int64_t top_k = 40;
};

struct ModelConfig {
  std::string name = "seed-story";
  VitConfig vit;
  ResamplerConfig input_resampler;
  ResamplerConfig output_resampler = {.queries = 256};
  LlamaConfig llm;
  AdapterConfig adapter;
  UnetConfig unet;
  VaeConfig vae;
  SchedulerConfig scheduler;
  CallEnd call_ends = CallEnd::eos;
  // What the program writes in front of each new caption; "{left}" is the number of frames still to come, this one
  // included. Empty: the model writes its own (published).
  std::string call_prefix;
  SinkSpans spans;
  Defaults defaults;
};

}  // namespace seedstory
