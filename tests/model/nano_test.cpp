// A trained model in our own layout (i8 blocks) against scripts/nano/reference.py, which computes the same in PyTorch:
// SEEDSTORY_NANO names the model, SEEDSTORY_NANO_REFERENCE what the script wrote for it.
#include "cpu/cpu_backend.h"
#include "load/model_dir.h"
#include "model/adapter.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "resampler_fixture.h"
#include "run.h"

using namespace seedstory;

namespace {

constexpr double kLimit = 2e-5, kLlmLimit = 1e-4;

struct Nano {
  std::filesystem::path dir = std::getenv("SEEDSTORY_NANO_REFERENCE");
  ModelDir model = open_model({.dir = std::getenv("SEEDSTORY_NANO")});
  std::unique_ptr<Backend> cpu = make_cpu_backend();
  Backend& be = *cpu;
  std::unique_ptr<TensorSource> file;

  explicit Nano(const char* part) : file(open_weights(dir / (std::string(part) + ".safetensors"))) {}

  Tensor tensor(const char* name) const { return golden_tensor(*file, name); }
  std::vector<float> values(const char* name) const {
    const Tensor t = tensor(name);
    return std::vector<float>(t.as<float>(), t.as<float>() + t.numel());
  }
  void expect(const char* name, const std::vector<float>& got, double limit) const {
    INFO(name);
    REQUIRE(int64_t(got.size()) == tensor(name).numel());
    const double error = relative_error(tensor(name), got.data());
    if (std::getenv("SEEDSTORY_SHOW_ERRORS")) fmt::print("nano {:24} {:.1e}\n", name, error);
    CHECK(error <= limit);
  }
  WeightLoader loader(const std::shared_ptr<const TensorSource>& source) const {
    return WeightLoader(be, *source, "nano");
  }
};

bool have_nano() {
  if (std::getenv("SEEDSTORY_NANO") && std::getenv("SEEDSTORY_NANO_REFERENCE")) return true;
  WARN("skipped: SEEDSTORY_NANO and SEEDSTORY_NANO_REFERENCE are not set");
  return false;
}

}  // namespace

TEST_CASE("A trained ViT and its features agree with PyTorch", "[model][nano]") {
  if (!have_nano()) return;
  const Nano nano("vit");
  const VitConfig& c = nano.model.config.vit;
  const Vit vit(c, nano.loader(nano.model.vit));
  const std::vector<float> image = to_nhwc(nano.values("input"), 1, 3);
  nano.expect("output",
              run_sized(nano.be,
                        [&](Backend& be, Arena& arena) {
                          return vit.forward(be, arena, put(be, arena, image, {1, c.image_size, c.image_size, 3}));
                        }),
              kLimit);
}

TEST_CASE("A trained agent's resamplers agree with PyTorch", "[model][nano]") {
  if (!have_nano()) return;
  const Nano nano("agent");
  const ModelConfig& c = nano.model.config;
  const Resampler input(c.input_resampler, c.vit.queries, nano.loader(nano.model.input_resampler));
  const Resampler output(c.output_resampler, c.input_resampler.queries, nano.loader(nano.model.output_resampler));
  const auto resample = [&](const Resampler& resampler, const std::vector<float>& x, int64_t keys) {
    return run_sized(nano.be, [&](Backend& be, Arena& arena) {
      return resampler.forward(be, arena, put(be, arena, x, {1, keys, resampler.config().kv_dim}));
    });
  };
  nano.expect("input_resampler", resample(input, nano.values("picture_feature"), c.vit.queries), kLlmLimit);
  const std::vector<float> hidden = nano.values("hidden");
  const int64_t tail = c.input_resampler.queries * c.llm.hidden;
  nano.expect("output_resampler", resample(output, {hidden.end() - tail, hidden.end()}, c.input_resampler.queries),
              kLlmLimit);
}

TEST_CASE("A trained LLM agrees with PyTorch", "[model][nano]") {
  if (!have_nano()) return;
  const Nano nano("agent");
  const ModelConfig& c = nano.model.config;
  const Llama llm(c.llm, nano.loader(nano.model.llm));
  const std::vector<int32_t> ids = read_ids(nano.dir / "agent.safetensors", "ids");
  const int64_t at = read_ids(nano.dir / "agent.safetensors", "picture_at").front(), n = int64_t(ids.size());
  const std::vector<float> hidden = causal_states(nano.be, llm, ids, {{at, at + c.input_resampler.queries}},
                                                  nano.values("input_resampler"), n, in_order(ids.size()));
  nano.expect("hidden", hidden, kLlmLimit);
  nano.expect("logits",
              run_sized(nano.be,
                        [&](Backend& be, Arena& arena) {
                          return llm.logits(be, arena, put(be, arena, hidden, {n, c.llm.hidden}));
                        }),
              kLlmLimit);
}

TEST_CASE("A trained de-tokenizer agrees with PyTorch", "[model][nano]") {
  if (!have_nano()) return;
  const Nano nano("detokenizer");
  const ModelConfig& c = nano.model.config;
  const Adapter adapter(c.adapter, nano.loader(nano.model.adapter));
  const Unet unet(c.unet, nano.loader(nano.model.unet));
  const std::vector<float> feature = nano.values("feature"), prompt = nano.values("prompt");
  const std::vector<float> pooled = nano.values("pooled"), ids = nano.values("time_ids");
  const auto adapt = [&](bool tokens) {
    return run_sized(nano.be, [&](Backend& be, Arena& arena) {
      const Prompt made =
          adapter.forward(be, arena, put(be, arena, feature, {1, c.vit.queries, c.adapter.embedding_dim}));
      return tokens ? made.tokens : made.pooled;
    });
  };
  nano.expect("prompt", adapt(true), kLimit);
  nano.expect("pooled", adapt(false), kLimit);

  const Tensor shape = nano.tensor("latent");
  std::vector<float> x = to_nhwc(nano.values("latent"), 1, c.unet.in_channels);
  x.insert(x.end(), x.begin(), x.end());
  const std::vector<float> both = run_sized(nano.be, [&](Backend& be, Arena& arena) {
    const UnetConditioning given = unet.make_conditioning(arena, DType::f32, 2, c.adapter.queries, 1);
    const Tensor timesteps = put(be, arena, std::vector<float>{501}, {1});
    for (int path : {0, 1})
      unet.condition(be, arena, path, put(be, arena, prompt, {1, c.adapter.queries, c.unet.cross_attention_dim}),
                     put(be, arena, pooled, {1, int64_t(pooled.size())}), put(be, arena, ids, {int64_t(ids.size())}),
                     timesteps, given);
    const Tensor step = put(be, arena, std::vector<int32_t>{0});
    return unet.forward(be, arena, put(be, arena, x, {2, shape.dim[2], shape.dim[3], shape.dim[1]}), step, given);
  });
  nano.expect("v", to_nchw({both.begin(), both.begin() + int64_t(both.size()) / 2}, 1, c.unet.out_channels), kLimit);
}

TEST_CASE("A trained VAE's decoder agrees with PyTorch", "[model][nano]") {
  if (!have_nano()) return;
  const Nano nano("vae");
  const VaeDecoder decoder(nano.model.config.vae, nano.loader(nano.model.vae));
  const Tensor shape = nano.tensor("latent");
  const std::vector<float> latent = to_nhwc(nano.values("latent"), 1, shape.dim[1]);
  nano.expect("picture",
              to_nchw(run_sized(nano.be,
                                [&](Backend& be, Arena& arena) {
                                  return decoder.forward(
                                      be, arena, put(be, arena, latent, {1, shape.dim[2], shape.dim[3], shape.dim[1]}));
                                }),
                      1, 3),
              kLimit);
}
