// A model's sizes, from the shapes of its tensors.
#include "model/infer_config.h"

#include "catch.h"
#include "made_model.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/vit.h"

using namespace seedstory;

TEST_CASE("Sizes are read from the shapes of the tensors", "[model]") {
  const VitConfig vit{.image_size = 32,
                      .patch_size = 8,
                      .width = 12,
                      .layers = 3,
                      .heads = 2,
                      .mlp = 20,
                      .queries = 9,
                      .output_dim = 10,
                      .attn_pool_heads = 2};
  VitConfig v{.image_size = 32, .heads = 2, .attn_pool_heads = 2};
  read_vit_sizes(made_source<VitWeights>(vit), v);
  CHECK((v.patch_size == 8 && v.width == 12 && v.layers == 3 && v.mlp == 20 && v.queries == 9 && v.output_dim == 10));

  const LlamaConfig llm{.hidden = 8, .layers = 2, .heads = 2, .ffn = 12, .vocab = 9};
  LlamaConfig l;
  read_llama_sizes(made_source<LlamaWeights>(llm), l);
  CHECK((l.hidden == 8 && l.layers == 2 && l.ffn == 12 && l.vocab == 9));

  const AdapterConfig adapter{.dim = 8,
                              .depth = 2,
                              .heads = 2,
                              .dim_head = 3,
                              .queries = 5,
                              .embedding_dim = 7,
                              .output1 = 4,
                              .output2 = 6,
                              .ff_mult = 3};
  AdapterConfig a;
  read_adapter_sizes(made_source<AdapterWeights>(adapter), a);
  CHECK((a.dim == 8 && a.depth == 2 && a.queries == 5 && a.embedding_dim == 7 && a.output1 == 4 && a.output2 == 6 &&
         a.ff_mult == 3));

  for (int64_t kv_dim : {8, 6}) {
    const ResamplerConfig config{.queries = 4, .dim = 8, .kv_dim = kv_dim, .heads = 2};
    ResamplerWeights weights;
    WeightTable table;
    weights.list(table, config, "");
    ResamplerConfig r;
    read_resampler_sizes(made_source(table), r);
    CHECK((r.queries == 4 && r.dim == 8 && r.kv_dim == kv_dim));
  }
}

TEST_CASE("Sizes that cannot be read say which tensor is at fault", "[model]") {
  LlamaConfig llm;
  MapSource source;
  CHECK_THROWS_WITH(read_llama_sizes(source, llm),
                    "model.embed_tokens.weight: missing, the model's sizes cannot be read");
  source.add("model.embed_tokens.weight", {4}, std::vector<float>(4));
  CHECK_THROWS_WITH(read_llama_sizes(source, llm), "made: model.embed_tokens.weight is f32(4), expected 2 axes");
  source.add("model.embed_tokens.weight", {2, 2}, std::vector<float>(4));
  CHECK_THROWS_WITH(read_llama_sizes(source, llm),
                    "made: model.layers.0.self_attn.q_proj.weight: missing, the model's sizes cannot be read");
  MapSource wrapped;
  wrapped.add("module.model.embed_tokens.weight", {2, 2}, std::vector<float>(4));
  CHECK_THROWS_WITH(read_llama_sizes(wrapped, llm),
                    "made: model.embed_tokens.weight: missing, the model's sizes cannot be read; did you mean "
                    "'module.model.embed_tokens.weight' for 'model.embed_tokens.weight'?");
}

TEST_CASE("Networks that hand on what the next cannot read are refused", "[model]") {
  ModelConfig model;
  check_sizes(model);
  model.llm.hidden = 2048;
  CHECK_THROWS_WITH(check_sizes(model), "model: input_resampler.dim is 4096, but llm.hidden is 2048");
  CHECK_THROWS_WITH(head_dim("vit", 208, 3), "vit: a width of 208 does not divide into 3 heads");
  CHECK_THROWS_AS(head_dim("vit", 208, 0), Error);
}
