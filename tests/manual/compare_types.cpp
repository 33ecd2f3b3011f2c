// What a type of the weights changes: stories told in f32 and in that type. For scripts/compare_types.
//
//   compare_types MODEL-DIR [FRAMES] [CPU] [TYPE] [STORIES] [--steps N] [--least-psnr DB]      10, auto, bf16, 100
//
// CPU: the instructions, as in `seedstory --cpu`; or `emulate`, bf16 as processors with such products compute it, in
// plain loops (ops/emulated_bf16.h); or `cuda`, the CUDA backend: on a card where this was built with it, else on the
// emulated device (tests/simt). A story's texts are equal or they part at some token; there the gap is printed between
// the two tokens' logits in f32: a small one is a toss-up. Pictures are painted from both types' own features, in the
// model's steps or N: the last one of a story with equal texts, and the first one where its text is equal. Words are
// greedy. With --least-psnr the exit code is 1 where words differ, or a picture is farther away.
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

StoryResult tell(Engine& engine, const StoryRequest& request) {
  StoryResult told;
  Backend& backend = engine.backend;
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
  told.last = told.frames.size() == 1 ? told.first : painter.paint(told.frames.back());
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

// The least.
double print_decibels(const char* pictures, const std::string& type, std::vector<double> decibels) {
  if (decibels.empty()) return INFINITY;
  std::sort(decibels.begin(), decibels.end());
  fmt::print("their {} pictures, {} against f32: PSNR least {:.1f} dB, median {:.1f} dB\n", pictures, type,
             decibels.front(), decibels[decibels.size() / 2]);
  return decibels.front();
}

// Takes `flag` and the number behind it out of the words; without it, `otherwise`.
double take_number(std::vector<std::string>& words, const std::string& flag, double otherwise) {
  const auto found = std::find(words.begin(), words.end(), flag);
  if (found == words.end()) return otherwise;
  char* end = nullptr;
  const double value = found + 1 == words.end() ? 0 : std::strtod(found[1].c_str(), &end);
  if (!end || *end || !(value > 0)) fail_usage(flag + ": expected a number above 0 behind it");
  words.erase(found, found + 2);
  return value;
}

struct Compared {
  int stories = 0, equal = 0, equal_first = 0;
  std::vector<double> firsts, lasts;  // dB of pictures whose texts are equal

  void add(const StoryResult& a, const StoryResult& b) {
    ++stories;
    if (!a.frames.empty() && !b.frames.empty() && a.frames[0].text == b.frames[0].text) {
      ++equal_first;
      firsts.push_back(psnr(a.first, b.first));
    }
    if (!same_texts(a, b)) return;
    ++equal;
    lasts.push_back(psnr(a.last, b.last));
  }
};

// Told by `f32` and by `other`, as many as there are prompts or `most`.
Compared compare_stories(Engine& f32, Engine& other, StoryRequest request, int most) {
  Compared compared;
  for (const char* hero : kHeroes)
    for (const char* plot : kPlots) {
      if (compared.stories == most) return compared;
      request.prompt = fmt::format(fmt::runtime(plot), hero);
      const StoryResult a = tell(f32, request), b = tell(other, request);
      compared.add(a, b);
      if (!same_texts(a, b))
        fmt::print("other words: \"{}\" logit gap {:.4f}\n", request.prompt,
                   gap_where_they_part(a, b, f32.language.tokenizer));
      std::fflush(stdout);
    }
  return compared;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> words(argv + 1, argv + argc);
  const double steps = take_number(words, "--steps", 0), least_psnr = take_number(words, "--least-psnr", 0);
  const auto word = [&](size_t i, const char* otherwise) { return i < words.size() ? words[i] : otherwise; };
  if (words.empty() || words.size() > 5)
    fail_usage("MODEL-DIR [FRAMES] [CPU] [TYPE] [STORIES] [--steps N] [--least-psnr DB]");
  const std::string instructions = word(2, "auto"), type = word(3, "bf16");
  const auto card = instructions == "cuda" ? make_cuda_backend() : nullptr;
  const auto set = value_in(kCpuSets, card ? "auto" : instructions);
  if (!set && instructions != "emulate") fail_usage("no instructions " + instructions);
  const auto format = value_in(kWeightFormats, type);
  if (!format) fail_usage("no type " + type);

  const ModelDir model = open_model({.dir = words[0]});
  const auto backend = set ? make_cpu_backend(0, *set) : cpu::make_backend(0, cpu::emulated_bf16());
  Engine f32(*backend, model);
  Engine other(card ? *card : *backend, model, {.types = card ? StageTypes::of_card(*format) : *format});
  StoryRequest request = default_request(model.config);
  request.frames = std::atoi(word(1, "10").c_str());
  request.sampling = {};
  if (steps > 0) request.steps = int64_t(steps);
  const Compared c = compare_stories(f32, other, request, std::atoi(word(4, "100").c_str()));

  if (card) fmt::print("{}: ", card->name());
  fmt::print("{} of {} stories of {} frames have equal words, {} the same first text\n", c.equal, c.stories,
             request.frames, c.equal_first);
  const double first = print_decibels("first", type, c.firsts), last = print_decibels("last", type, c.lasts);
  return least_psnr > 0 && (c.stories == 0 || c.equal < c.stories || std::min(first, last) < least_psnr);
} catch (const Error& error) {
  fmt::print(stderr, "compare_types: {}\n", error.what());
  return error.kind == ErrorKind::usage ? 2 : 1;
}
