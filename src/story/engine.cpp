// Which part belongs to which stage, and when it is loaded and dropped.
#include "story/engine.h"

#include <fmt/format.h>

#include <utility>

#include "model/activation_bytes.h"

namespace seedstory {
namespace {

// `legacy` and the tables of the LLM and the resamplers must speak of the same tokens.
void check_tokens(const Tokenizer& tokenizer, const ModelConfig& config, const ModelDir& model) {
  if (int64_t(tokenizer.image_tokens().size()) != config.input_resampler.queries)
    fail_input(fmt::format("{}: {} image tokens came, expected {} as the input resampler has queries",
                           model.added_tokens.string(), tokenizer.image_tokens().size(),
                           config.input_resampler.queries));
  if (tokenizer.vocab_size() > config.llm.vocab)
    fail_input(fmt::format("{}: {} tokens came, the LLM's vocabulary has {}", model.added_tokens.string(),
                           tokenizer.vocab_size(), config.llm.vocab));
}

Tokenizer open_tokenizer(const ModelDir& model) {
  const ModelConfig& c = model.config;
  return model.tokenizer_model.empty() ? Tokenizer(int(c.llm.vocab), int(c.input_resampler.queries))
                                       : Tokenizer(model.tokenizer_model, model.added_tokens, model.legacy);
}

Tensor make_image(Arena& arena, const VitConfig& config, DType activations) {
  return arena.make(activations, {1, config.image_size, config.image_size, 3});
}

}  // namespace

Engine::Engine(Backend& backend, const ModelDir& model, EngineOptions options)
    : backend(backend),
      config(model.config),
      words(model.words),
      language{.backend = backend,
               .config = config,
               .activations = options.types.language.activations,
               .cache = options.types.cache,
               .tokenizer = open_tokenizer(model)},
      diffusion{.backend = backend,
                .config = config,
                .activations = options.types.diffusion.activations,
                .vae_activations = options.types.vae.activations},
      model_(model),
      options_(std::move(options)) {
  check_tokens(language.tokenizer, config, model);
  for (const auto& [stage, name, about] : kStages)
    if (!options_.staged || stage == Stage::vision) load(stage);
  diffusion.uncond_feature =
      encode_image(std::vector<float>(size_t(config.vit.image_size * config.vit.image_size * 3)));
}

void Engine::enter(Stage stage) {
  if (!options_.staged) return;
  for (const auto& [other, name, about] : kStages)
    if (other != stage) drop(other);
  load(stage);
}

void Engine::load(Stage stage) {
  const auto part = [&]<class Network, class... Args>(
                        std::unique_ptr<Network>& to, const char* name, const NumberTypes& types,
                        const std::shared_ptr<const TensorSource>& source, const Args&... args) {
    LoadOptions options{.types = types, .lora_alpha = {}, .keep = model_.keep};
    if (std::string_view(name) == "llm") options.lora_alpha = model_.lora_alpha;
    if (to) return;
    to = std::make_unique<Network>(args..., WeightLoader(backend, *source, name, options));
    if (options_.loaded) options_.loaded(name);
  };
  const ModelConfig& c = config;
  const StageTypes& t = options_.types;
  switch (stage) {
    case Stage::vision:
      return part(vit, "vit", t.vision, model_.vit, c.vit);
    case Stage::language:
      part(language.input_resampler, "input_resampler", t.language, model_.input_resampler, c.input_resampler,
           c.vit.queries);
      part(language.output_resampler, "output_resampler", t.language, model_.output_resampler, c.output_resampler,
           c.input_resampler.queries);
      return part(language.llm, "llm", t.language, model_.llm, c.llm);
    case Stage::diffusion:
      part(diffusion.adapter, "adapter", t.diffusion, model_.adapter, c.adapter);
      part(diffusion.unet, "unet", t.diffusion, model_.unet, c.unet);
      return part(diffusion.vae, "vae", t.vae, model_.vae, c.vae);
  }
}

void Engine::drop(Stage stage) {
  switch (stage) {
    case Stage::vision:
      encoding_.reset(), vit.reset();
      return;
    case Stage::language:
      language.input_resampler.reset(), language.output_resampler.reset(), language.llm.reset();
      return;
    case Stage::diffusion:
      diffusion.adapter.reset(), diffusion.unet.reset(), diffusion.vae.reset();
      return;
  }
}

Engine::Encoding::Encoding(Backend& backend, const Vit& vit, DType activations)
    : work(backend, dry_run_bytes([&](Backend& be, Arena& arena) {
             vit.forward(be, arena, make_image(arena, vit.config(), activations));
           })),
      image(make_image(work, vit.config(), activations)) {}

std::vector<float> Engine::encode_image(const std::vector<float>& pixels) {
  if (!encoding_) encoding_ = std::make_unique<Encoding>(backend, *vit, types().vision.activations);
  Encoding& e = *encoding_;
  const Arena::Scope scope(e.work);
  upload_values(backend, e.image, pixels.data());
  backend.repeat(e.repeat, [&] { e.feature = vit->forward(backend, e.work, e.image); });
  return values_of(backend, e.feature);
}

}  // namespace seedstory
