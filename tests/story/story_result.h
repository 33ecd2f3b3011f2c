// A story told by a tiny model, and everything a test may ask of it.
#pragma once

#include <memory>

#include "cpu/cpu_backend.h"
#include "error_of.h"
#include "story/story.h"
#include "tiny_model.h"

namespace seedstory {

struct RecordedText : StoryListener {
  void on_text(int64_t, std::string_view piece) override { text += piece; }
  void on_text_end(int64_t) override { text += "\n"; }
  void on_warning(std::string_view message) override { warnings.emplace_back(message); }

  std::string text;  // as it streamed, a line a frame
  std::vector<std::string> warnings;
};

// An engine on a CPU backend of its own.
struct LoadedModel {
  explicit LoadedModel(const std::filesystem::path& dir, int threads = 1)
      : backend(make_cpu_backend(threads)), engine(*backend, open_model({.dir = dir})) {}

  std::unique_ptr<Backend> backend;
  Engine engine;
};

struct StoryResult {
  std::vector<Frame> frames;
  RecordedText heard;
  Trace trace;
};

inline std::unique_ptr<StoryResult> tell(Engine& engine, const StoryRequest& request) {
  auto told = std::make_unique<StoryResult>();
  Storyteller teller = make_storyteller(engine, request, told->heard, &told->trace);
  while (auto frame = teller.next()) told->frames.push_back(std::move(*frame));
  return told;
}

}  // namespace seedstory
