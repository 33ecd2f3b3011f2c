// Texts and picture features, one frame a call.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "language/language_model.h"
#include "model/trace.h"
#include "request/request.h"

namespace seedstory {

// How many of the LLM's positions a story may come to need, at most as many as there are. A text counts as one token a
// byte: no tokenizer is needed, and it is at most that.
int64_t positions_needed(const ModelConfig& config, const StoryRequest& request);

// ErrorKind::input for a prompt or a caption that is too long to be read. Needs no network.
void check_texts(const LanguageModel& model, const StoryRequest& request);

// The order of a story's calls of the LLM.
class Storyteller {
 public:
  // `start` is the feature of the request's picture (vit queries, output_dim), or empty.
  Storyteller(LanguageModel& model, const StoryRequest& request, std::vector<float> start, StoryListener& listener,
              Trace* trace = nullptr);
  Storyteller(Storyteller&&) noexcept;
  ~Storyteller();

  // The next frame, or nothing when the story is over.
  std::optional<Frame> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedstory
