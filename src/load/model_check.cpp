// Opens part by part, so that one broken file does not hide the others.
#include "load/model_check.h"

#include <algorithm>

#include "load/model_steps.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "seedstory/error.h"
#include "text/tokenizer.h"

namespace seedstory {
namespace {

template <class F>
void note_problem(std::string& problem, F&& run) {
  try {
    run();
  } catch (const Error& error) {
    problem = error.what();
  }
}

// A network over a backend without memory gets as far as its first weight: by then the loader has checked everything.
// What it says when it stops there is not ErrorKind::input.
template <class Network, class... Args>
void check_network(const std::shared_ptr<const TensorSource>& source, const char* name, const LoadOptions& options,
                   const Args&... args) {
  DryBackend nothing;
  try {
    Network(args..., WeightLoader(nothing, *source, name, options));
  } catch (const Error& error) {
    if (error.kind == ErrorKind::input) throw;
  }
}

void check_part(const std::string& part, const ModelDir& m) {
  const ModelConfig& c = m.config;
  if (part == "vit") check_network<Vit>(m.vit, "vit", {}, c.vit);
  if (part == "llm") {
    check_network<Llama>(m.llm, "llm", {.lora_alpha = m.lora_alpha}, c.llm);
    check_network<Resampler>(m.input_resampler, "input_resampler", {}, c.input_resampler, c.vit.queries);
    check_network<Resampler>(m.output_resampler, "output_resampler", {}, c.output_resampler, c.input_resampler.queries);
  }
  if (part == "detokenizer") {
    check_network<Adapter>(m.adapter, "adapter", {}, c.adapter);
    check_network<Unet>(m.unet, "unet", {}, c.unet);
  }
  if (part == "vae") check_network<VaeDecoder>(m.vae, "vae", {}, c.vae);
  if (part == "tokenizer") Tokenizer(m.tokenizer_model, m.added_tokens, m.legacy);
}

}  // namespace

bool ModelCheck::complete() const {
  return std::all_of(parts.begin(), parts.end(), [](const ModelPart& part) { return part.problem.empty(); });
}

ModelCheck check_model(const ModelPaths& paths) {
  ModelCheck survey;
  std::string whole;
  note_problem(whole, [&] {
    survey.model = open_model(paths, [&](const char* name, const OpenPart& open) {
      ModelPart& part = survey.parts.emplace_back(ModelPart{.name = name, .file = {}, .problem = {}});
      note_problem(part.problem, [&] { open(part.file); });
    });
  });
  if (!whole.empty()) survey.parts = {{.name = "model", .file = paths.dir, .problem = whole}};

  // Without the settings there is nothing to hold shapes against; a UNet's changes mean nothing without the UNet.
  const auto sound = [&](const char* name) {
    return std::none_of(survey.parts.begin(), survey.parts.end(),
                        [&](const ModelPart& part) { return part.name == name && !part.problem.empty(); });
  };
  if (!sound("settings")) return survey;
  for (ModelPart& part : survey.parts)
    if (part.problem.empty() && (part.name != "detokenizer" || sound("unet")))
      note_problem(part.problem, [&] { check_part(part.name, survey.model); });
  return survey;
}

}  // namespace seedstory
