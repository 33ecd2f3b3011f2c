// Our networks against PyTorch's, on the small random ones of tests/data/reference.
#include "reference.h"

#include <numeric>

#include "cpu/cpu_backend.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/lora.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

using namespace seedstory;

namespace {

// Relative to the largest expected magnitude. Sums of at most 200 terms in f32, some 60 operations deep: 2e-6 is what
// an independent implementation reaches. The LLM's softmax sees larger scores.
constexpr double kLimit = 2e-5, kLlmLimit = 1e-4;
constexpr int64_t kRoom = 4 << 20;

}  // namespace

TEST_CASE("the ViT agrees with PyTorch", "[model][reference]") {
  const struct {
    const char* file;
    VitConfig config;
  } cases[] = {
      {"vit_bicubic",
       {.image_size = 18,
        .patch_size = 3,
        .width = 15,
        .layers = 2,
        .heads = 3,
        .mlp = 22,
        .queries = 9,
        .output_dim = 12,
        .attn_pool_heads = 2,
        .ln_eps = 1e-6f}},
      {"vit_same_grid",
       {.image_size = 16,
        .patch_size = 4,
        .width = 12,
        .layers = 1,
        .heads = 1,
        .mlp = 30,
        .queries = 16,
        .output_dim = 8,
        .attn_pool_heads = 4,
        .ln_eps = 1e-5f}},
  };
  const auto be = make_cpu_backend(1);
  for (const auto& [file, config] : cases) {
    INFO(file);
    const Reference ref(file);
    const Vit vit(config, WeightLoader(*be, *ref.weights(), "vit"));
    NanArena arena(*be, kRoom);
    const Tensor image = put_map(*be, arena, ref.in("image"));
    Probes probes(*be);
    const Tensor y = vit.forward(*be, arena, image);
    expect_close("block 0", ref.out("block0"), probes.seen["vit.block.0"], kLimit);
    expect_close("output", ref.out("output"), download(*be, y), kLimit);
  }
}

TEST_CASE("the resamplers agree with PyTorch", "[model][reference]") {
  const struct {
    const char* file;
    int64_t keys;
    ResamplerConfig config;
  } cases[] = {
      {"resampler_up", 25, {.queries = 9, .dim = 12, .kv_dim = 10, .heads = 3}},
      {"resampler_down", 9, {.queries = 16, .dim = 8, .kv_dim = 8, .heads = 1}},
  };
  const auto be = make_cpu_backend(1);
  for (const auto& [file, keys, config] : cases) {
    INFO(file);
    const Reference ref(file);
    const Resampler resampler(config, keys, WeightLoader(*be, *ref.weights(), "resampler"));
    NanArena arena(*be, kRoom);
    const Tensor y = resampler.forward(*be, arena, put(*be, arena, ref.in("x")));
    expect_close("output", ref.out("output"), download(*be, y), kLimit);
  }
}

TEST_CASE("the SDXL adapter agrees with PyTorch", "[model][reference]") {
  const AdapterConfig config{.dim = 12,
                             .depth = 2,
                             .heads = 3,
                             .dim_head = 5,
                             .queries = 5,
                             .embedding_dim = 10,
                             .output1 = 6,
                             .output2 = 9,
                             .ff_mult = 3};
  const auto be = make_cpu_backend(1);
  const Reference ref("adapter_odd");
  const Adapter adapter(config, WeightLoader(*be, *ref.weights(), "adapter"));
  NanArena arena(*be, kRoom);
  const Prompt y = adapter.forward(*be, arena, put(*be, arena, ref.in("x")));
  expect_close("prompt", ref.out("prompt"), download(*be, y.tokens), kLimit);
  expect_close("pooled", ref.out("pooled"), download(*be, y.pooled), kLimit);
}

namespace {

// The reference's embeddings, some rows of them replaced as those of pictures are, in pieces of the given lengths into
// a cache whose rows are handed out by `slots`.
void expect_llama(Backend& be, const Llama& llama, const Reference& ref, const std::vector<int64_t>& pieces,
                  const std::vector<int32_t>& slots) {
  const int64_t hidden = llama.config().hidden, vocab = llama.config().vocab;
  NanArena arena(be, kRoom);
  const Tensor x = llama.embed(be, arena, put(be, arena, ref.in("ids")));
  const Tensor rows = ref.in("rows"), positions = ref.in("positions");
  for (int64_t i = 0; i < rows.dim[0]; ++i) {
    const int64_t at = positions.as<int32_t>()[i];
    be.upload(x.slice(0, at, at + 1), rows.slice(0, i, i + 1).data);
  }
  const KvCache cache(arena, llama.config(), int64_t(slots.size()) + 3, DType::f32);
  be.upload(cache.slots.slice(0, 0, int64_t(slots.size())), slots.data());

  std::vector<float> layer0, states, logits;
  int64_t done = 0;
  for (int64_t count : pieces) {
    Arena::Scope scope(arena);
    Probes probes(be);
    const Tensor h = x.slice(0, done, done + count), y = arena.like(h);
    const auto length = int32_t(done + count);
    be.upload(cache.length, &length);
    llama.forward(be, arena, h, cache);
    llama.norm(be, y, h);
    const auto append = [](std::vector<float>& to, const std::vector<float>& more) {
      to.insert(to.end(), more.begin(), more.end());
    };
    append(layer0, probes.seen["llm.layer0"]);
    append(states, download(be, y));
    append(logits, download(be, llama.logits(be, arena, y)));
    done += count;
  }
  REQUIRE(int64_t(states.size()) == done * hidden);
  REQUIRE(int64_t(logits.size()) == done * vocab);
  expect_close("layer 0", ref.out("layer0"), layer0, kLlmLimit);
  expect_close("states", ref.out("hidden"), states, kLlmLimit);
  expect_close("logits", ref.out("logits"), logits, kLlmLimit);
}

std::vector<int32_t> in_order(int32_t count) {
  std::vector<int32_t> slots(static_cast<size_t>(count));
  std::iota(slots.begin(), slots.end(), 0);
  return slots;
}

}  // namespace

TEST_CASE("LLaMA agrees with transformers, at once, in pieces and in any slots", "[model][reference]") {
  const LlamaConfig config{.hidden = 18,
                           .layers = 2,
                           .heads = 3,
                           .ffn = 29,
                           .vocab = 37,
                           .max_positions = 64,
                           .rms_norm_eps = 1e-6f,
                           .rope_theta = 700};
  const auto be = make_cpu_backend(1);
  const Reference ref("llama_heads3");
  const Llama llama(config, WeightLoader(*be, *ref.weights(), "llm"));
  expect_llama(*be, llama, ref, {23}, in_order(23));
  expect_llama(*be, llama, ref, {9, 1, 1, 12}, in_order(23));
  std::vector<int32_t> shuffled(23);
  for (int32_t i = 0; i < 23; ++i) shuffled[size_t(i)] = i * 7 % 26;  // rows of a cache of 26, distinct
  expect_llama(*be, llama, ref, {14, 9}, shuffled);
}

TEST_CASE("LoRA merged at load agrees with peft's, not merged", "[model][reference]") {
  const LlamaConfig config{
      .hidden = 16, .layers = 2, .heads = 2, .ffn = 24, .vocab = 32, .max_positions = 64, .rms_norm_eps = 1e-5f};
  const auto be = make_cpu_backend(1);
  const Reference ref("lora_rank3");
  const std::shared_ptr<const TensorSource> file = open_weights(reference_file("lora_rank3.bin"));
  const auto plain = plain_peft_names(strip_prefix(file, "llm.base_model.model."));
  const Llama llama(config, WeightLoader(*be, *plain, "llm", {.lora_alpha = 5.0}));
  expect_llama(*be, llama, ref, {11}, in_order(11));
}

namespace {

std::vector<float> run_unet(Backend& be, const UnetConfig& config, const Reference& ref, const TensorSource& weights) {
  const Unet unet(config, WeightLoader(be, weights, "unet"));
  NanArena arena(be, kRoom);
  const Tensor prompt = put(be, arena, ref.in("prompt")), pooled = put(be, arena, ref.in("pooled"));
  const Tensor ids = put(be, arena, ref.in("time_ids"));
  // The step that is meant lies between two others.
  const Tensor timesteps = put(be, arena, {3, ref.in("timestep").as<float>()[0], 977}, {3});
  const UnetConditioning given = unet.make_conditioning(arena, DType::f32, 2, prompt.dim[1], 3);
  for (int path = 0; path < 2; ++path)
    unet.condition(be, arena, path, prompt.slice(0, path, path + 1), pooled.slice(0, path, path + 1),
                   ids.slice(0, path, path + 1).reshape({6}), timesteps, given);
  const Tensor x = put_map(be, arena, ref.in("latent")), step = put(be, arena, std::vector<int32_t>{1});
  return download_map(be, unet.forward(be, arena, x, step, given));
}

}  // namespace

TEST_CASE("the UNet agrees with diffusers", "[model][reference]") {
  const struct {
    const char* file;
    UnetConfig config;
  } cases[] = {
      {"unet_sdxl",
       {.channels = {4, 8, 12},
        .down_attention = {false, true, true},
        .up_attention = {true, true, false},
        .transformer_layers = {1, 1, 2},
        .heads = {1, 2, 3},
        .layers_per_block = 2,
        .cross_attention_dim = 10,
        .norm_groups = 2,
        .time_id_dim = 4,
        .added_dim = 7 + 6 * 4}},
      {"unet_upside_down",
       {.channels = {6, 15},
        .down_attention = {true, false},
        .up_attention = {false, true},
        .transformer_layers = {2, 1},
        .heads = {2, 5},
        .layers_per_block = 1,
        .cross_attention_dim = 8,
        .norm_groups = 3,
        .time_id_dim = 2,
        .added_dim = 5 + 6 * 2}},
      {"unet_depth0",
       {.channels = {4, 4, 8, 8},
        .down_attention = {true, true, true, true},
        .up_attention = {true, true, true, true},
        .transformer_layers = {0, 1, 2, 0},
        .heads = {1, 2, 2, 4},
        .layers_per_block = 1,
        .cross_attention_dim = 6,
        .norm_groups = 2,
        .norm_eps = 1e-4f,
        .time_id_dim = 4,
        .added_dim = 3 + 6 * 4}},
  };
  const auto be = make_cpu_backend(1);
  for (const auto& [file, config] : cases) {
    INFO(file);
    const Reference ref(file);
    Probes probes(*be);
    const std::vector<float> y = run_unet(*be, config, ref, *ref.weights());
    expect_close("down 0", ref.out("down0"), probes.seen["unet.down0"], kLimit);
    expect_close("mid", ref.out("mid"), probes.seen["unet.mid"], kLimit);
    expect_close("output", ref.out("output"), y, kLimit);
  }
}

TEST_CASE("an adapted UNet overrides what it holds and nothing else", "[model][reference]") {
  const UnetConfig config{.channels = {6},
                          .down_attention = {true},
                          .up_attention = {true},
                          .transformer_layers = {1},
                          .heads = {2},
                          .layers_per_block = 1,
                          .cross_attention_dim = 6,
                          .norm_groups = 2,
                          .time_id_dim = 2,
                          .added_dim = 3 + 6 * 2};
  const auto be = make_cpu_backend(1);
  const Reference ref("unet_override");
  expect_close("base", ref.out("base"), run_unet(*be, config, ref, *ref.weights()), kLimit);
  for (const std::string which : {"a", "b", "c"}) {
    const std::shared_ptr<const TensorSource> adapted = open_weights(reference_file("unet_override_" + which + ".bin"));
    const auto both = overlay(strip_prefix(adapted, "unet."), ref.weights());
    expect_close(which, ref.out(which), run_unet(*be, config, ref, *both), kLimit);
  }
}

TEST_CASE("both halves of the VAE agree with diffusers", "[model][reference]") {
  const struct {
    const char* file;
    VaeConfig config;
  } cases[] = {
      {"vae_one_layer", {.channels = {4, 8, 8}, .layers_per_block = 1, .norm_groups = 2}},
      {"vae_old_names", {.channels = {6, 9}, .layers_per_block = 2, .norm_groups = 3}},
  };
  const auto be = make_cpu_backend(1);
  for (const auto& [file, config] : cases) {
    INFO(file);
    const Reference ref(file);
    const WeightLoader loader(*be, *ref.weights(), "vae");
    NanArena arena(*be, kRoom);
    const VaeDecoder decoder(config, loader);
    const Tensor picture = decoder.forward(*be, arena, put_map(*be, arena, ref.in("latent")));
    expect_close("decoded", ref.out("decoded"), download_map(*be, picture), kLimit);
    const VaeEncoder encoder(config, loader);
    const Tensor moments = encoder.forward(*be, arena, put_map(*be, arena, ref.in("image")));
    const Tensor mean = arena.make(DType::f32, {moments.dim[0], moments.dim[1], moments.dim[2], 4});
    const Tensor logvar = arena.like(mean);
    be->run(Convert{.y = mean, .x = moments.slice(3, 0, 4)});
    be->run(Convert{.y = logvar, .x = moments.slice(3, 4, 8)});
    expect_close("mean", ref.out("mean"), download_map(*be, mean), kLimit);
    expect_close("logvar", ref.out("logvar"), download_map(*be, logvar), kLimit);
  }
}
