// A story: what is asked, and what comes back. Knows nothing of who makes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "request/choices.h"
#include "seedstory/image.h"

namespace seedstory {

// llama.cpp's meanings. The defaults are greedy, as the published program in effect is (its do_sample is False).
struct SamplingParams {
  float temperature = 0;     // 0: greedy; the lowest id wins a tie
  int top_k = 40;            // 0: all
  float top_p = 0.95f;       // 1: all
  float min_p = 0.05f;       // of the best token's probability; 0: all
  float repeat_penalty = 1;  // divides positive, multiplies negative logits of the last 64 tokens; 1: none
};

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

}  // namespace seedstory
