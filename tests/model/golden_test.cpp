// Every network against the reference modules' values (golden/README.md), in f32.
#include <nlohmann/json.hpp>

#include "cpu/cpu_backend.h"
#include "load/model_dir.h"
#include "model/adapter.h"
#include "model/position.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "resampler_fixture.h"
#include "run.h"

using namespace seedstory;
using nlohmann::json;

namespace {

// Limits of the golden set, relative to the largest expected magnitude.
constexpr double kLimit = 2e-5, kLlmLimit = 1e-4, kFeatureLimit = 1e-3, kBicubicLimit = 1e-5, kLossLimit = 1e-5;

struct Golden {
  std::filesystem::path dir = golden_dir();
  std::unique_ptr<TensorSource> expected = open_weights(dir / "expected.safetensors");
  json notes = json::parse(read_text_file(dir / "expected.json"));
  ModelDir model = open_model({.dir = dir / "pretrained"});
  std::unique_ptr<Backend> cpu = make_cpu_backend();
  Backend& be = *cpu;

  const ModelConfig& config() const { return model.config; }

  Tensor tensor(const std::string& name) const { return golden_tensor(*expected, name); }
  std::vector<float> values(const std::string& name) const {
    const Tensor t = tensor(name);
    return std::vector<float>(t.as<float>(), t.as<float>() + t.numel());
  }
  std::vector<int32_t> ids(const std::string& name) const { return read_ids(dir / "expected.safetensors", name); }
  void expect(const std::string& name, const std::vector<float>& got, double limit) const {
    INFO(name);
    REQUIRE(int64_t(got.size()) == tensor(name).numel());
    const double error = relative_error(tensor(name), got.data());
    UNSCOPED_INFO("relative error " << error << ", limit " << limit);
    CHECK(error <= limit);
    if (std::getenv("SEEDSTORY_SHOW_ERRORS")) fmt::print("{:24} {:.1e}\n", name, error);
  }
  void expect(const std::string& name, const Probes& probes, double limit) const {
    INFO(name);
    REQUIRE(probes.seen.contains(name));
    expect(name, probes.seen.at(name), limit);
  }

  template <class Network, class... Args>
  Network load(const std::shared_ptr<const TensorSource>& source, const Args&... args) const {
    return Network(args..., WeightLoader(be, *source, "golden", {.lora_alpha = model.lora_alpha}));
  }
};

// [begin, end) of the image tokens of every picture in a row of ids.
std::vector<Range> pictures(const Golden& g, const std::vector<int32_t>& ids) {
  const json tokens = json::parse(read_text_file(g.model.added_tokens));
  std::vector<Range> found;
  for (int64_t i = 0; i < int64_t(ids.size()); ++i) {
    if (ids[size_t(i)] == tokens.at("<img>").get<int32_t>()) found.push_back({i + 1, i + 1});
    if (ids[size_t(i)] == tokens.at("</img>").get<int32_t>()) found.back().end = i;
  }
  return found;
}

std::vector<float> resample(const Golden& g, const Resampler& resampler, const std::vector<float>& rows, int64_t n) {
  const int64_t width = resampler.config().kv_dim, keys = int64_t(rows.size()) / n / width;
  return run_sized(g.be, [&](Backend& be, Arena& arena) {
    return resampler.forward(be, arena, put(be, arena, rows, {n, keys, width}));
  });
}

}  // namespace

TEST_CASE("The ViT agrees with the reference", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const VitConfig& c = g.config().vit;
  const Vit vit = g.load<Vit>(g.model.vit, c);
  Probes probes(g.be);
  const auto see = [&](const std::vector<float>& nhwc) {
    return run_sized(g.be, [&](Backend& be, Arena& arena) {
      return vit.forward(be, arena, put(be, arena, nhwc, {1, c.image_size, c.image_size, 3}));
    });
  };
  see(to_nhwc(g.values("vit.input"), 1, 3));
  g.expect("vit.input", probes, 0);
  g.expect("vit.ln_pre", probes, kLimit);
  for (int64_t i = 0; i < c.layers; ++i) g.expect("vit.block." + std::to_string(i), probes, kLimit);
  g.expect("vit.attn_pool", probes, kLimit);
  g.expect("vit.output", probes, kLimit);
  g.expect("vit.zero_output", see(std::vector<float>(size_t(c.image_size * c.image_size * 3))), kLimit);
}

TEST_CASE("The input resampler agrees with the reference", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const auto resampler = g.load<Resampler>(g.model.input_resampler, g.config().input_resampler, g.config().vit.queries);
  g.expect("input_resampler.output", resample(g, resampler, g.values("vit.output"), 1), kLlmLimit);
}

TEST_CASE("The LLM agrees with the reference, whole and in pieces", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const Llama llm = g.load<Llama>(g.model.llm, g.config().llm);
  const std::vector<int32_t> ids = g.ids("llm.prefill.ids");
  const std::vector<float> image = g.values("input_resampler.output");

  std::vector<float> whole;
  {
    Probes probes(g.be);
    whole = causal_states(g.be, llm, ids, pictures(g, ids), image, int64_t(ids.size()), in_order(ids.size()));
    g.expect("llm.prefill.layer0", probes.seen.at("llm.layer0"), kLlmLimit);
  }
  g.expect("llm.prefill.hidden", whole, kLlmLimit);
  g.expect(
      "llm.prefill.logits",
      run_sized(g.be,
                [&](Backend& be, Arena& arena) {
                  return llm.logits(be, arena, put(be, arena, whole, {int64_t(ids.size()), g.config().llm.hidden}));
                }),
      kLlmLimit);

  g.expect("llm.prefill.hidden", causal_states(g.be, llm, ids, pictures(g, ids), image, 13, in_order(ids.size())),
           kLlmLimit);
  std::vector<int32_t> backwards = in_order(ids.size());
  std::reverse(backwards.begin(), backwards.end());
  CHECK(causal_states(g.be, llm, ids, pictures(g, ids), image, int64_t(ids.size()), backwards) == whole);
}

TEST_CASE("The two training losses agree with the reference", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const ModelConfig& c = g.config();
  const auto input = g.load<Resampler>(g.model.input_resampler, c.input_resampler, c.vit.queries);
  const auto output = g.load<Resampler>(g.model.output_resampler, c.output_resampler, c.input_resampler.queries);
  const Llama llm = g.load<Llama>(g.model.llm, c.llm);
  const std::vector<int32_t> ids = g.ids("train.ids"), labels = g.ids("train.labels");
  const std::vector<float> features = g.values("train.features");
  const int64_t n = int64_t(ids.size()), count = g.tensor("train.features").dim[0];

  // The last picture is the target: its tokens keep their own embeddings.
  const std::vector<float> context(features.begin(), features.end() - int64_t(features.size()) / count);
  const std::vector<float> target(features.end() - int64_t(features.size()) / count, features.end());
  const std::vector<float> rows = resample(g, input, context, count - 1);
  const std::vector<float> hidden = causal_states(g.be, llm, ids, pictures(g, ids), rows, n, in_order(ids.size()));
  const std::vector<float> logits = run_sized(g.be, [&](Backend& be, Arena& arena) {
    return llm.logits(be, arena, put(be, arena, hidden, {n, c.llm.hidden}));
  });

  double cross_entropy = 0, counted = 0;
  for (int64_t i = 0; i + 1 < n; ++i) {
    if (labels[size_t(i + 1)] < 0) continue;
    const float* row = &logits[size_t(i * c.llm.vocab)];
    double sum = 0;
    for (int64_t v = 0; v < c.llm.vocab; ++v) sum += std::exp(double(row[v]));
    cross_entropy += std::log(sum) - row[labels[size_t(i + 1)]];
    ++counted;
  }
  CHECK(cross_entropy / counted ==
        Approx(g.notes.at("train").at("lm_loss").get<double>()).epsilon(kLossLimit).margin(0));

  const auto [begin, end] = pictures(g, ids).back();
  const std::vector<float> queries(hidden.begin() + begin * c.llm.hidden, hidden.begin() + end * c.llm.hidden);
  const std::vector<float> got = resample(g, output, queries, 1);
  double cosines = 0;
  const int64_t dim = c.vit.output_dim;
  for (int64_t t = 0; t < c.vit.queries; ++t) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = t * dim; i < (t + 1) * dim; ++i) {
      const double a = got[size_t(i)], b = target[size_t(i)];
      ab += a * b, aa += a * a, bb += b * b;
    }
    cosines += ab / std::sqrt(aa * bb);
  }
  CHECK(1 - cosines / double(c.vit.queries) ==
        Approx(g.notes.at("train").at("rec_loss").get<double>()).epsilon(kLossLimit).margin(0));
}

TEST_CASE("The adapter agrees with the reference, alone and side by side", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const AdapterConfig& c = g.config().adapter;
  const Adapter adapter = g.load<Adapter>(g.model.adapter, c);
  std::vector<float> features = g.values("generate.feature.1");
  const int64_t tokens = int64_t(features.size()) / c.embedding_dim;

  std::vector<float> tokens_of, pooled_of;
  const auto run = [&](const std::vector<float>& x) {
    const int64_t n = int64_t(x.size()) / tokens / c.embedding_dim;
    tokens_of = run_sized(g.be, [&](Backend& be, Arena& arena) {
      return adapter.forward(be, arena, put(be, arena, x, {n, tokens, c.embedding_dim})).tokens;
    });
    pooled_of = run_sized(g.be, [&](Backend& be, Arena& arena) {
      return adapter.forward(be, arena, put(be, arena, x, {n, tokens, c.embedding_dim})).pooled;
    });
  };
  run(features);
  g.expect("adapter.prompt", tokens_of, kLimit);
  g.expect("adapter.pooled", pooled_of, kLimit);
  const std::vector<float> zero = g.values("vit.zero_output");
  run(zero);
  g.expect("adapter.prompt_uncond", tokens_of, kLimit);
  g.expect("adapter.pooled_uncond", pooled_of, kLimit);

  features.insert(features.end(), zero.begin(), zero.end());
  run(features);
  const auto path = [](const std::vector<float>& v, bool second) {
    const auto mid_block = v.begin() + int64_t(v.size()) / 2;
    return second ? std::vector<float>(mid_block, v.end()) : std::vector<float>(v.begin(), mid_block);
  };
  g.expect("adapter.prompt", path(tokens_of, false), kLimit);
  g.expect("adapter.prompt_uncond", path(tokens_of, true), kLimit);
  g.expect("adapter.pooled_uncond", path(pooled_of, true), kLimit);
}

TEST_CASE("The UNet's first step agrees with the reference", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const Unet unet = g.load<Unet>(g.model.unet, g.config().unet);
  const Tensor shape = g.tensor("unet.input");
  const int64_t channels = shape.dim[1], height = shape.dim[2], width = shape.dim[3];
  const int64_t tokens = g.tensor("adapter.prompt").dim[0], cross = g.config().unet.cross_attention_dim;
  const std::vector<float> ids = g.values("unet.time_ids"), x = to_nhwc(g.values("unet.input"), 2, channels);
  const int64_t path = int64_t(ids.size()) / 2;

  Probes probes(g.be);
  run_sized(g.be, [&](Backend& be, Arena& arena) {
    const UnetConditioning given = unet.make_conditioning(arena, DType::f32, 2, tokens, 1);
    const Tensor timesteps = put(be, arena, std::vector<float>{g.notes.at("unet_t").get<float>()}, {1});
    for (int i : {1, 0}) {
      const std::string side = i == 0 ? "_uncond" : "";
      const std::vector<float> pooled = g.values("adapter.pooled" + side);
      const std::vector<float> own(ids.begin() + i * path, ids.begin() + (i + 1) * path);
      unet.condition(be, arena, i, put(be, arena, g.values("adapter.prompt" + side), {1, tokens, cross}),
                     put(be, arena, pooled, {1, int64_t(pooled.size())}), put(be, arena, own, {path}), timesteps,
                     given);
    }
    const Tensor step = put(be, arena, std::vector<int32_t>{0});
    return unet.forward(be, arena, put(be, arena, x, {2, height, width, channels}), step, given);
  });
  for (const char* name : {"unet.input", "unet.down0", "unet.mid", "unet.up1", "unet.output"})
    g.expect(name, probes, kLimit);
}

TEST_CASE("The VAE agrees with the reference, both ways", "[model][golden]") {
  if (!have_golden()) return;
  const Golden g;
  const VaeConfig& c = g.config().vae;
  {
    const VaeDecoder decoder = g.load<VaeDecoder>(g.model.vae, c);
    const Tensor shape = g.tensor("vae.latent");
    Probes probes(g.be);
    run_sized(g.be, [&](Backend& be, Arena& arena) {
      return decoder.forward(be, arena,
                             put(be, arena, to_nhwc(g.values("vae.latent"), 1, c.latent_channels),
                                 {1, shape.dim[2], shape.dim[3], c.latent_channels}));
    });
    g.expect("vae.latent", probes, 0);
    g.expect("vae.decoded", probes, kLimit);
  }
  const VaeEncoder encoder = g.load<VaeEncoder>(g.model.vae, c);
  const Tensor shape = g.tensor("vae.encoder_input");
  const std::vector<float> moments = to_nchw(
      run_sized(g.be,
                [&](Backend& be, Arena& arena) {
                  return encoder.forward(
                      be, arena,
                      put(be, arena, to_nhwc(g.values("vae.encoder_input"), 1, 3), {1, shape.dim[2], shape.dim[3], 3}));
                }),
      1, 2 * c.latent_channels);
  const auto mid_block = moments.begin() + int64_t(moments.size()) / 2;
  g.expect("vae.encoder_mean", std::vector<float>(moments.begin(), mid_block), kLimit);
  g.expect("vae.encoder_logvar", std::vector<float>(mid_block, moments.end()), kLimit);
}

TEST_CASE("Tables of positions are resized as the reference does", "[model][golden]") {
  if (!have_golden()) return;
  const auto expected = open_weights(golden_dir() / "primitives.safetensors");
  const json notes = json::parse(read_text_file(golden_dir() / "primitives.json"));
  int seen = 0;
  for (; notes.contains("bicubic." + std::to_string(seen)); ++seen) {
    const std::string name = "bicubic." + std::to_string(seen);
    INFO(name);
    const Tensor in = golden_tensor(*expected, name + ".input");
    const std::vector<float> table(in.as<float>(), in.as<float>() + in.numel());
    const std::vector<float> out = resize_grid(table, notes[name]["from_grid"], notes[name]["to_grid"], in.dim[1]);
    const Tensor want = golden_tensor(*expected, name + ".output");
    REQUIRE(int64_t(out.size()) == want.numel());
    CHECK(relative_error(want, out.data()) <= kBicubicLimit);
  }
  CHECK(seen > 0);
}
