// What the LLM has before it when it is called, and what of a finished frame stays there: one class a family of
// policies.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "language/token_generator.h"

namespace seedstory {

// The start of a story: a text and perhaps a picture's rows (see Session::embed_image).
struct StoryPrefix {
  std::string text;
  std::optional<std::vector<float>> rows;
};

// One frame to be told.
struct FrameRequest {
  int64_t call = 1;                    // from 1
  int64_t index = 0;                   // of its file
  std::string prefix;                  // what the program writes in front of its text
  std::optional<std::string> caption;  // the text, where it is given
};

class Context {
 public:
  virtual ~Context() = default;
  virtual Generation call(const FrameRequest& ask) = 0;
};

struct ContextParts {
  LanguageModel& model;
  Session& session;
  TokenGenerator& voice;
  const StoryRequest& request;
  Trace* trace;
};

// `window`: every call reads the last pictures' frames anew, as the published gen_george.py (section 8.3).
std::unique_ptr<Context> window_context(const ContextParts& parts, StoryPrefix opening);
// `compat_vis`: ids strung together, cut without their BOS, as the published vis_george_sink.py (section 8.5).
std::unique_ptr<Context> compat_vis_context(const ContextParts& parts, StoryPrefix opening);
// `dense`, `sink`, `mm_sink`: one cache for the whole story, thinned by a SinkPolicy.
std::unique_ptr<Context> cache_context(const ContextParts& parts, StoryPrefix opening);

}  // namespace seedstory
