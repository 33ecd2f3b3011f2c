// Activation memory: what a dry run counts is what the real run takes, to the byte.
#include "catch.h"
#include "cpu/cpu_backend.h"
#include "made_model.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "run.h"

using namespace seedstory;

namespace {

// Runs `step` dry and for real in a block of the counted size; returns that size.
template <class F>
int64_t same_peak(Backend& be, F&& step) {
  DryBackend dry;
  Arena count;
  step(static_cast<Backend&>(dry), count);
  Arena arena(be, count.peak_bytes());
  const Tensor out = step(be, arena);
  CHECK(arena.peak_bytes() == count.peak_bytes());
  for (float v : download(be, out)) REQUIRE(std::isfinite(v));
  return count.peak_bytes();
}

Tensor filled(Backend& be, Arena& arena, std::initializer_list<int64_t> dims) {
  const Tensor t = arena.make(DType::f32, dims);
  be.upload(t, made_values(t.numel(), 7).data());
  return t;
}

}  // namespace

TEST_CASE("A dry run counts what the real run takes", "[model]") {
  const auto cpu = make_cpu_backend(2);
  Backend& be = *cpu;

  SECTION("the ViT, two pictures, a grid that is not the stored one") {
    const VitConfig c{.image_size = 40,
                      .patch_size = 8,
                      .width = 12,
                      .layers = 2,
                      .heads = 2,
                      .mlp = 20,
                      .queries = 9,
                      .output_dim = 10,
                      .attn_pool_heads = 2};
    const MapSource source = made_source<VitWeights>(c);
    const Vit vit(c, WeightLoader(be, source, "vit"));
    same_peak(be, [&](Backend& b, Arena& arena) { return vit.forward(b, arena, filled(b, arena, {2, 40, 40, 3})); });
  }
  SECTION("the LLM, whose layers share one set of rows") {
    int64_t peak[2];
    for (int64_t layers : {2, 5}) {
      const LlamaConfig c{.hidden = 8, .layers = layers, .heads = 2, .ffn = 12, .vocab = 9, .max_positions = 16};
      const MapSource source = made_source<LlamaWeights>(c);
      const Llama llm(c, WeightLoader(be, source, "llm"));
      Arena cache_block(be, 2 * layers * 16 * 8 * 4 + 2 * 256);
      const KvCache cache(cache_block, c, 16, DType::f32);
      const std::vector<int32_t> ids = {0, 3, 8}, slots = {4, 2, 9};
      const int32_t length = 3;
      be.upload(cache.slots.slice(0, 0, 3), slots.data());
      be.upload(cache.length, &length);
      peak[layers == 5] = same_peak(be, [&](Backend& b, Arena& arena) {
        const Tensor h = llm.embed(b, arena, put(b, arena, ids)), states = arena.like(h);
        llm.forward(b, arena, h, cache);
        llm.norm(b, states, h);
        return llm.logits(b, arena, states);
      });
    }
    CHECK(peak[0] == peak[1]);
  }
  SECTION("the adapter") {
    const AdapterConfig c{.dim = 8,
                          .depth = 2,
                          .heads = 2,
                          .dim_head = 3,
                          .queries = 5,
                          .embedding_dim = 7,
                          .output1 = 4,
                          .output2 = 6,
                          .ff_mult = 3};
    const MapSource source = made_source<AdapterWeights>(c);
    const Adapter adapter(c, WeightLoader(be, source, "adapter"));
    same_peak(be, [&](Backend& b, Arena& arena) {
      return adapter.forward(b, arena, filled(b, arena, {3, 11, 7})).tokens;
    });
  }
  SECTION("the UNet, sizes unlike the published ones") {
    const UnetConfig c{.channels = {8, 16},
                       .down_attention = {true, true},
                       .up_attention = {true, false},
                       .transformer_layers = {0, 2},
                       .heads = {2, 4},
                       .layers_per_block = 1,
                       .cross_attention_dim = 6,
                       .norm_groups = 4,
                       .time_id_dim = 4,
                       .added_dim = 29};
    const MapSource source = made_source<UnetWeights>(c);
    const Unet unet(c, WeightLoader(be, source, "unet"));
    same_peak(be, [&](Backend& b, Arena& arena) {
      const UnetConditioning given = unet.make_conditioning(arena, DType::f32, 2, 3, 5);
      for (int path : {0, 1})
        unet.condition(b, arena, path, filled(b, arena, {1, 3, 6}), filled(b, arena, {1, 5}), filled(b, arena, {6}),
                       filled(b, arena, {5}), given);
      return unet.forward(b, arena, filled(b, arena, {2, 4, 6, 4}), put(b, arena, {4}), given);
    });
    DryBackend dry;
    Arena arena;
    CHECK_THROWS_WITH(unet.forward(dry, arena, arena.make(DType::f32, {2, 5, 6, 4}), arena.make(DType::i32, {1}),
                                   unet.make_conditioning(arena, DType::f32, 2, 3, 5)),
                      "Unet: x is f32(2, 5, 6, 4), expected height and width that divide by 2");
  }
  SECTION("both halves of the VAE, three levels") {
    const VaeConfig c{.channels = {4, 8, 8}, .layers_per_block = 1, .norm_groups = 2};
    VaeWeights d, e;
    WeightTable table;
    d.list_decoder(table, c);
    e.list_encoder(table, c);
    const MapSource source = made_source(table);
    const VaeDecoder decoder(c, WeightLoader(be, source, "vae"));
    const VaeEncoder encoder(c, WeightLoader(be, source, "vae"));
    same_peak(be, [&](Backend& b, Arena& arena) { return decoder.forward(b, arena, filled(b, arena, {2, 3, 5, 4})); });
    same_peak(be, [&](Backend& b, Arena& arena) {
      return encoder.forward(b, arena, filled(b, arena, {2, 12, 20, 3}));
    });
  }
}
