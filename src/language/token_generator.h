// The LLM speaking: one call, token after token, from a context that a session holds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "language/sampler.h"
#include "language/session.h"
#include "request/request.h"

namespace seedstory {

// What one call said.
struct Generation {
  std::vector<int> ids;                       // everything, control tokens too
  std::optional<std::vector<float>> feature;  // (vit queries, output_dim) of the last whole picture
  std::vector<float> first_logits;            // before any rule; where they are traced
};

// <img>, the image tokens, </img>.
std::vector<int> picture_ids(const Tokenizer& tokenizer);
void add_picture(std::vector<Segment>& segments, const Tokenizer& tokenizer);
// Without </s> and what belongs to pictures.
std::vector<int> text_ids(const Tokenizer& tokenizer, std::vector<int> ids);

class TokenGenerator {
 public:
  // `traced`: each call keeps its first logits.
  TokenGenerator(LanguageModel& model, Session& session, const StoryRequest& request, StoryListener& listener,
                 bool traced);

  // Writes until a picture is done or, with CallEnd::eos, until </s>. Text goes to the listener as frame `index`.
  Generation generate(int64_t index, CallEnd ends);

  // The picture of a text that is given: nothing to write, the picture starts at once.
  Generation generate_image();

 private:
  TokenRules rules(CallEnd ends) const;
  int next_token(Generation& said, CallEnd ends);
  void draw(Generation& said);
  void show(int64_t index, const std::vector<int>& said, bool last);

  LanguageModel& model_;
  Session& session_;
  const StoryRequest& request_;
  StoryListener& listener_;
  const bool traced_;
  Sampler sampler_;
  const std::vector<int> picture_;
  std::string shown_;  // of this call's text
};

}  // namespace seedstory
