// What a type of the weights changes: stories told in f32 and in that type. For scripts/compare_types.
//
//   compare_types MODEL-DIR [FRAMES] [CPU] [TYPE] [STORIES]      10, auto, bf16, 100
//
// CPU: the instructions, as in `seedstory --cpu`; or `emulate`, bf16 as processors with such products compute it, in
// plain loops (ops/emulated_bf16.h); or `cuda`, the CUDA backend: on a card where this was built with it, else on the
// emulated device (tests/simt). A story's texts are equal or they part at some token; there the gap is printed between
// the two tokens' logits in f32: a small one is a toss-up. Pictures are painted from both types' own features: the last
// one of a story with equal texts, and the first one where its text is equal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "../cuda/cuda_backend.h"
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
  Image first, last;
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
  if (told.frames.empty()) return told;
  Painter painter = make_painter(engine, request, listener);
  told.first = painter.paint(told.frames.front());
  told.last = painter.paint(told.frames.back());
  return told;
}

bool same_texts(const StoryResult& a, const StoryResult& b) {
  return std::equal(a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end(),
                    [](const Frame& x, const Frame& y) { return x.text == y.text; });
}

// Of the first step at which the greedy tokens differ; image tokens are not compared.
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

void print_decibels(const char* pictures, const char* type, std::vector<double> decibels) {
  std::sort(decibels.begin(), decibels.end());
  if (!decibels.empty())
    fmt::print("their {} pictures, {} against f32: PSNR least {:.1f} dB, median {:.1f} dB\n", pictures, type,
               decibels.front(), decibels[decibels.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    fmt::print(stderr, "compare_types MODEL-DIR [FRAMES] [CPU] [TYPE] [STORIES]\n");
    return 2;
  }
  const ModelDir model = open_model({.dir = argv[1]});
  const std::string instructions = argc > 3 ? argv[3] : "auto";
  const auto card = instructions == "cuda" ? make_cuda_backend() : nullptr;
  const auto set = value_in(kCpuSets, card ? "auto" : instructions);
  if (!set && instructions != "emulate") {
    fmt::print(stderr, "compare_types: no instructions {}\n", instructions);
    return 2;
  }
  const auto backend = set ? make_cpu_backend(0, *set) : cpu::make_backend(0, cpu::emulated_bf16());
  const char* const type = argc > 4 ? argv[4] : "bf16";
  const auto format = value_in(kWeightFormats, type);
  if (!format) {
    fmt::print(stderr, "compare_types: no type {}\n", type);
    return 2;
  }
  const int most = argc > 5 ? std::atoi(argv[5]) : 100;
  Backend& other_backend = card ? *card : *backend;
  Engine f32(*backend, model);
  Engine other(other_backend, model, {.types = card ? StageTypes::of_card(*format) : *format});
  StoryRequest request = default_request(model.config);
  request.frames = argc > 2 ? std::atoi(argv[2]) : 10;

  int stories = 0, equal = 0;
  int equal_first = 0;
  std::vector<double> firsts, lasts;
  for (const char* hero : kHeroes)
    for (const char* plot : kPlots) {
      if (stories == most) break;
      request.prompt = fmt::format(fmt::runtime(plot), hero);
      const StoryResult a = tell(*backend, f32, request), b = tell(other_backend, other, request);
      ++stories;
      if (!a.frames.empty() && !b.frames.empty() && a.frames[0].text == b.frames[0].text) {
        ++equal_first;
        firsts.push_back(psnr(a.first, b.first));
      }
      if (same_texts(a, b)) {
        ++equal;
        lasts.push_back(psnr(a.last, b.last));
      } else {
        fmt::print("other words: \"{}\" logit gap {:.4f}\n", request.prompt,
                   gap_where_they_part(a, b, f32.language.tokenizer));
      }
      std::fflush(stdout);
    }
  if (card) fmt::print("{}: ", card->name());
  fmt::print("{} of {} stories of {} frames have equal words, {} the same first text\n", equal, stories, request.frames,
             equal_first);
  print_decibels("first", type, firsts);
  print_decibels("last", type, lasts);
} catch (const Error& error) {
  fmt::print(stderr, "compare_types: {}\n", error.what());
  return 1;
}
