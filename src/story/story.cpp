// The picture that a story starts from, as CLIP's transform and the ViT see it.
#include "story/story.h"

#include "io/image.h"

namespace seedstory {
namespace {

// CLIP's normalisation of a picture, after PIL's bilinear resize that ignores the aspect ratio (the published
// program's transform).
std::vector<float> vit_input(const Image& image, int64_t size) {
  constexpr float kMean[] = {0.48145466f, 0.4578275f, 0.40821073f}, kStd[] = {0.26862954f, 0.26130258f, 0.27577711f};
  const Image square = resize_bilinear(image, int(size), int(size));
  std::vector<float> out(square.rgb.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = (square.rgb[i] / 255.0f - kMean[i % 3]) / kStd[i % 3];
  return out;
}

// A picture as the LLM will see it: (vit queries, output_dim).
std::vector<float> encode_start(Engine& engine, const Image& image, Trace* trace) {
  engine.enter(Stage::vision);
  const Trace::Listening listening(trace, engine.backend);
  return engine.encode_image(vit_input(image, engine.config.vit.image_size));
}

}  // namespace

Storyteller make_storyteller(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace) {
  std::vector<float> start;
  if (request.start) start = encode_start(engine, *request.start, trace);
  engine.enter(Stage::language);
  return Storyteller(engine.language, request, std::move(start), listener, trace);
}

Painter make_painter(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace) {
  engine.enter(Stage::diffusion);
  return Painter(engine.diffusion, request, listener, trace);
}

}  // namespace seedstory
