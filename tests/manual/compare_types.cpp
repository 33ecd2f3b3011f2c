// What bf16 weights change: a hundred stories told in f32 and in bf16. For scripts/compare_types.
//
//   compare_types MODEL-DIR [FRAMES] [CPU]
//
// CPU: the instructions, as in `seedstory --cpu`; or `emulate`, bf16 as processors with such products compute it, in
// plain loops (ops/emulated_bf16.h). A story's texts are equal or they part at some token; there the gap is printed
// between the two tokens' logits in f32: a small one is a toss-up. The last picture of a story is painted from both
// types' own features.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "cpu/cpu_backend.h"
#include "load/default_request.h"
#include "manual/psnr.h"
#include "ops/emulated_bf16.h"
#include "story/story.h"

using namespace seedstory;

namespace {

constexpr const char* kHeroes[] = {"fox", "rabbit", "bear", "cat", "dog", "mouse", "panda", "pig", "frog", "tiger"};
constexpr const char* kPlots[] = {"A little {} finds a red lantern in the snow.",
                                  "Mia the {} meets a bear at the beach.",
                                  "A happy {} named Tom loses a blue ball in the forest.",
                                  "Lily the {} goes to the castle at night.",
                                  "It rains, and a {} has an umbrella.",
                                  "A {} wants to bake a cake in the kitchen.",
                                  "Max the {} looks for a friend at the fair.",
                                  "One evening a {} walks up the mountain.",
                                  "A brave {} in a green shirt finds a key by the pond.",
                                  "Ella the {} has a gift for a cat on the farm."};

// A story in one type, with the logits behind every word.
struct StoryResult {
  std::vector<Frame> frames;
  std::vector<std::vector<float>> logits;
  Image last;
};

StoryResult tell(Backend& backend, Engine& engine, const StoryRequest& request) {
  StoryResult told;
  backend.on_probe = [&](std::string_view name, const Tensor& t, Layout) {
    if (name != "llm.logits") return;
    told.logits.emplace_back(size_t(t.numel()));
    backend.download(told.logits.back().data(), t);
  };
  StoryListener listener;
  Storyteller teller = make_storyteller(engine, request, listener);
  while (auto frame = teller.next()) told.frames.push_back(std::move(*frame));
  backend.on_probe = nullptr;
  if (!told.frames.empty()) told.last = Painter(engine, request, listener).paint(told.frames.back());
  return told;
}

bool same_texts(const StoryResult& a, const StoryResult& b) {
  return std::equal(a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end(),
                    [](const Frame& x, const Frame& y) { return x.text == y.text; });
}

// Of the first step at which the likeliest words differ; image tokens are not words.
double gap_where_they_part(const StoryResult& a, const StoryResult& b, const Tokenizer& tokenizer) {
  const auto best = [&](std::vector<float> logits) {
    for (const int image : tokenizer.image_tokens()) logits[size_t(image)] = -INFINITY;
    logits[size_t(tokenizer.end_image())] = logits[Tokenizer::eos] = -INFINITY;
    return size_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
  };
  for (size_t i = 0; i < std::min(a.logits.size(), b.logits.size()); ++i)
    if (const size_t x = best(a.logits[i]), y = best(b.logits[i]); x != y) return a.logits[i][x] - a.logits[i][y];
  return NAN;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "compare_types MODEL-DIR [FRAMES] [CPU]\n");
    return 2;
  }
  const ModelDir model = open_model({.dir = argv[1]});
  const std::string instructions = argc > 3 ? argv[3] : "auto";
  std::optional<cpu::EmulatedBf16> bf16x2;
  if (instructions == "emulate") bf16x2.emplace();
  const auto backend = make_cpu_backend(0, bf16x2 ? "auto" : instructions);
  Engine f32(*backend, model), bf16(*backend, model, {.weight_type = DType::bf16});
  StoryRequest request = default_request(model.config);
  request.frames = argc > 2 ? std::atoi(argv[2]) : 10;

  int stories = 0, equal = 0;
  std::vector<double> decibels;
  for (const char* hero : kHeroes)
    for (const char* plot : kPlots) {
      request.prompt = fmt::format(fmt::runtime(plot), hero);
      const StoryResult a = tell(*backend, f32, request), b = tell(*backend, bf16, request);
      ++stories;
      if (same_texts(a, b)) {
        ++equal;
        decibels.push_back(psnr(a.last, b.last));
      } else {
        fmt::print("other words: \"{}\" logit gap {:.4f}\n", request.prompt, gap_where_they_part(a, b, f32.tokenizer));
      }
      std::fflush(stdout);
    }
  std::sort(decibels.begin(), decibels.end());
  fmt::print("{} of {} stories of {} frames have equal words\n", equal, stories, request.frames);
  if (!decibels.empty())
    fmt::print("their last pictures, bf16 against f32: PSNR least {:.1f} dB, median {:.1f} dB\n", decibels.front(),
               decibels[decibels.size() / 2]);
}
