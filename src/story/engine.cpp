#include "story/engine.h"

#include <fmt/format.h>

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

template <class Network, class... Args>
std::unique_ptr<Network> load(Backend& backend, const TensorSource& source, const char* part, const Args&... args) {
  return std::make_unique<Network>(args..., WeightLoader(backend, source, part));
}

}  // namespace

Engine::Engine(Backend& backend, const ModelDir& model)
    : backend(backend),
      config(model.config),
      words(model.words),
      tokenizer(model.tokenizer_model, model.added_tokens, model.legacy) {
  check_tokens(tokenizer, config, model);
  vit = load<Vit>(backend, *model.vit, "vit", config.vit);
  input_resampler =
      load<Resampler>(backend, *model.input_resampler, "input_resampler", config.input_resampler, config.vit.queries);
  output_resampler = load<Resampler>(backend, *model.output_resampler, "output_resampler", config.output_resampler,
                                     config.input_resampler.queries);
  llm = std::make_unique<Llama>(config.llm, WeightLoader(backend, *model.llm, "llm", {.lora_alpha = model.lora_alpha}));
  adapter = load<Adapter>(backend, *model.adapter, "adapter", config.adapter);
  unet = load<Unet>(backend, *model.unet, "unet", config.unet);
  vae = load<VaeDecoder>(backend, *model.vae, "vae", config.vae);
}

}  // namespace seedstory
