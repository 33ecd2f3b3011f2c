// A story: what is asked, what comes back, and the loop in between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"
#include "story/engine.h"
#include "story/noise.h"
#include "story/schedule.h"
#include "story/trace.h"
#include "text/sampler.h"

namespace seedstory {

struct StoryRequest {
  std::string prompt;                  // generate: the text that starts the story
  std::vector<std::string> captions;   // visualize: the texts, given; the prompt is then unused
  std::shared_ptr<const Image> start;  // a picture of the user's, maybe large; with captions, the first belongs to it
  int64_t frames = 10;                 // that the model makes; with captions, at most as many as there are
  Policy policy = Policy::window;
  int64_t window = 8;  // pictures
  uint64_t seed = 42;
  bool seed_per_frame = false;  // add the frame's index to the seed (published: every frame starts from the same noise)
  NoiseSource rng = NoiseSource::torch_cuda;
  int64_t steps = 50;
  SamplingMethod sampling_method = SamplingMethod::euler;
  SigmaSchedule scheduler = SigmaSchedule::discrete;
  double cfg = 7.5;
  int64_t width = 1024, height = 1024;
  int64_t max_tokens = 500;  // of one frame's text and picture
  SamplingParams sampling;
};

// Whose noise a frame starts from: the same for every frame, unless seed_per_frame.
uint64_t frame_seed(const StoryRequest& request, int64_t index);

// What the model's defaults make of it: policy, window, steps, cfg, size, sampling.
StoryRequest default_request(const ModelConfig& config);

// How many of the LLM's positions a story may come to need, at most as many as there are. A text counts as one token a
// byte: no tokenizer is needed, and it is at most that.
int64_t positions_needed(const ModelConfig& config, const StoryRequest& request);

struct Frame {
  int64_t index = 0;           // of the file: 000.png is the start picture or the first one made
  std::string text;            // as a person reads it
  std::vector<float> feature;  // (vit queries, output_dim): the picture as the LLM sees it
};

class StoryListener {
 public:
  virtual ~StoryListener() = default;
  virtual void on_text(int64_t /*index*/, std::string_view /*piece*/) {}  // whole words, as they come
  virtual void on_text_end(int64_t /*index*/) {}
  virtual void on_step(int64_t /*index*/, int64_t /*step*/, int64_t /*steps*/) {}  // of the denoiser, from 1
  virtual void on_decode(int64_t /*index*/) {}              // the steps are done, the pixels come next
  virtual void on_warning(std::string_view /*message*/) {}  // a story that ended early, a text that was cut
};

// The LLM's half: texts and picture features, one frame a call.
class Storyteller {
 public:
  Storyteller(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace = nullptr);
  ~Storyteller();

  // The next frame, or nothing when the story is over.
  std::optional<Frame> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ErrorKind::usage where the networks cannot halve width or height often enough.
void check_size(const ModelConfig& config, const StoryRequest& request);

// The de-tokenizer's half: from a feature to a picture. Frames are independent: any order gives the same bytes.
class Painter {
 public:
  Painter(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace = nullptr);
  ~Painter();

  Image paint(const Frame& frame);  // ErrorKind::failed if the decoder's output is not finite

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedstory
