// The ops of a frame of the published model, without its weights.
#pragma once

#include "language/session.h"
#include "load/default_request.h"
#include "load/published.h"
#include "seedstory/recording.h"
#include "story/story.h"

namespace seedstory {

// Of loading, a picture seen and taken into the context, a token, a picture told and one painted. The tensors' memory
// is counted and not there.
inline std::vector<AnyOp> ops_of_a_frame(const StageTypes& types, const Backend* machine = nullptr) {
  RecordingBackend recording(machine);
  Engine engine(recording, published_sizes(), {.types = types});
  StoryListener listener;
  StoryRequest request = default_request(engine.config);
  request.steps = 2;
  const std::vector<int>& picture = engine.language.tokenizer.image_tokens();
  Session session(engine.language, 400);
  const std::vector<float> rows = session.embed_image(engine.diffusion.uncond_feature);
  const std::vector<const std::vector<float>*> pictures = {&rows};
  session.append(picture, pictures);
  session.pick({});
  const std::vector<float> feature = session.decode_image_tokens(picture);
  make_painter(engine, request, listener).paint({.feature = feature});
  return recording.take_ops();
}

}  // namespace seedstory
