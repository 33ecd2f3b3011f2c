// What a type of the weights changes: stories told in f32 and in that type. For scripts/compare_types.
//
//   compare_types MODEL-DIR [FRAMES] [CPU] [TYPES] [STORIES] [--steps N] [--least-psnr DB] [--text FILE]
//       [--other DIR] [--cache TYPE]
//
// 10, auto, bf16, 100. CPU: the instructions, as in `seedstory --cpu`; or `emulate`, bf16 as processors with such
// products compute it, in plain loops (ops/emulated_bf16.h); or `cuda`, the CUDA backend: on a card where this was
// built with it, else on the emulated device (tests/simt). TYPES: one or more with commas between.
//
// Words: a story's texts are equal or they part at some token; there the gap is printed between the two tokens' logits
// in f32: a small one is a toss-up. Words are greedy. Pictures are painted from both types' own features, in the
// model's steps or N: the last one of a story with equal texts, and the first one where its text is equal. Features:
// both types are given the texts that f32 told, and each frame's feature is compared, so that other words do not count
// twice.
// --text FILE: one JSON object a line with "prompt" and "captions", as a manifest has; the perplexity of a caption's
// token, each picture drawn by the model itself.
//
// --other DIR: what is told in TYPES, if it is not MODEL-DIR itself: a folder that `seedstory quantize` wrote of it.
//
// --cache TYPE: in TYPES the LLM's keys and values are held in it.
//
// With --least-psnr the exit code is 1 where words differ, or a picture is farther away.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "../cuda/cuda_backend.h"
#include "cli/choice.h"
#include "cpu/cpu_backend.h"
#include "language/token_generator.h"
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

// "least 53.7 dB, median 55.5 dB"
std::string least_and_median(std::vector<double> values, const char* format) {
  if (values.empty()) return "none";
  std::sort(values.begin(), values.end());
  return fmt::format(fmt::runtime(std::string("least ") + format + ", median " + format), values.front(),
                     values[values.size() / 2]);
}

double least(const std::vector<double>& values) {
  return values.empty() ? INFINITY : *std::min_element(values.begin(), values.end());
}

// Takes `flag` and the word behind it out of the words; empty without it.
std::string take_word(std::vector<std::string>& words, const std::string& flag) {
  const auto found = std::find(words.begin(), words.end(), flag);
  if (found == words.end()) return "";
  if (found + 1 == words.end()) fail_usage(flag + ": expected a word behind it");
  const std::string value = found[1];
  words.erase(found, found + 2);
  return value;
}

// The same of a number above 0; 0 without the flag.
double take_number(std::vector<std::string>& words, const std::string& flag) {
  const std::string word = take_word(words, flag);
  if (word.empty()) return 0;
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (*end || !(value > 0)) fail_usage(flag + ": " + word + " came, expected a number above 0");
  return value;
}

// Of the directions of two features; 1 where both are the same.
double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) ab += double(a[i]) * b[i], aa += double(a[i]) * a[i], bb += double(b[i]) * b[i];
  return ab / std::sqrt(aa * bb);
}

// The features of a story whose texts are given.
std::vector<Frame> draw(Engine& engine, StoryRequest request, const std::vector<Frame>& told) {
  for (const Frame& frame : told) request.captions.push_back(frame.text);
  StoryListener listener;
  Storyteller teller = make_storyteller(engine, request, listener);
  std::vector<Frame> frames;
  while (auto frame = teller.next()) frames.push_back(std::move(*frame));
  return frames;
}

struct Compared {
  int stories = 0, equal = 0, equal_first = 0;
  std::vector<double> firsts, lasts;  // dB of pictures whose texts are equal
  std::vector<double> cosines;        // of each frame's feature, texts given

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

// What f32 makes, once for all types.
struct Reference {
  struct Story {
    StoryResult told;
    std::vector<Frame> drawn;
  };

  Engine& engine;
  std::vector<Story> stories = {};  // by their prompts
  std::optional<double> perplexity = {};

  const Story& story(size_t prompt, const StoryRequest& request) {
    if (prompt == stories.size()) {
      StoryResult told = tell(engine, request);
      std::vector<Frame> drawn = draw(engine, request, told.frames);
      stories.push_back({std::move(told), std::move(drawn)});
    }
    return stories[prompt];
  }
};

// Told by `f32` and by `other`, as many as there are prompts or `most`.
Compared compare_stories(Reference& f32, Engine& other, const std::string& type, StoryRequest request, int most) {
  Compared compared;
  for (const char* hero : kHeroes)
    for (const char* plot : kPlots) {
      if (compared.stories == most) return compared;
      request.prompt = fmt::format(fmt::runtime(plot), hero);
      const auto& [a, x] = f32.story(size_t(compared.stories), request);
      const StoryResult b = tell(other, request);
      compared.add(a, b);
      const std::vector<Frame> y = draw(other, request, a.frames);
      for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
        compared.cosines.push_back(cosine(x[i].feature, y[i].feature));
      if (!same_texts(a, b))
        fmt::print("other words in {}: \"{}\" logit gap {:.4f}\n", type, request.prompt,
                   gap_where_they_part(a, b, f32.engine.language.tokenizer));
      std::fflush(stdout);
    }
  return compared;
}

// A story that is given, as a manifest's line has it.
struct GivenStory {
  std::string prompt;
  std::vector<std::string> captions;
};

std::vector<GivenStory> read_stories(const std::string& file, size_t most, size_t frames) {
  std::ifstream in(file);
  if (!in) fail_input(file + ": cannot be read");
  std::vector<GivenStory> stories;
  for (std::string line; stories.size() < most && std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.contains("prompt") || !json.contains("captions"))
      fail_input(file + ": expected a JSON object a line with \"prompt\" and \"captions\"");
    stories.push_back({json["prompt"], json["captions"]});
    if (stories.back().captions.size() > frames) stories.back().captions.resize(frames);
  }
  return stories;
}

// How surprised the language model is by texts that are given.
struct Surprise {
  LanguageModel& model;
  double sum = 0;  // -log p
  int64_t tokens = 0;

  // What the model would have been asked, then the caption, token by token, then its picture.
  void read(const GivenStory& story) {
    Session session(model);
    const std::vector<int> picture = picture_ids(model.tokenizer);
    const int64_t frames = int64_t(story.captions.size());
    for (int64_t i = 0; i < frames; ++i) {
      const std::string before = (i == 0 ? story.prompt : "") + prefix(frames - i);
      const std::vector<int> asked = encode(before, i == 0),
                             all = encode(before + " " + story.captions[size_t(i)], i == 0);
      const auto given = std::mismatch(asked.begin(), asked.end(), all.begin(), all.end()).second;
      session.append(std::vector<int>(all.begin(), given));
      for (auto id = given; id != all.end(); ++id) read(session, *id);
      const int64_t end = session.history();
      const std::vector<float> feature = session.decode_image_tokens(std::span(picture).first(picture.size() - 1));
      session.truncate(end);
      const std::vector<float> rows = session.embed_image(feature);
      const std::vector<float>* pictures[] = {&rows};
      session.append(picture, pictures);
    }
  }

  double perplexity() const { return std::exp(sum / double(tokens)); }

 private:
  void read(Session& session, int id) {
    const std::vector<float> logits = session.logits();
    const float most = *std::max_element(logits.begin(), logits.end());
    double all = 0;
    for (const float logit : logits) all += std::exp(double(logit) - most);
    sum += std::log(all) + most - logits[size_t(id)], ++tokens;
    session.append(std::span(&id, 1));
  }

  std::string prefix(int64_t left) const {
    std::string text = model.config.call_prefix.empty() ? "[INST]" : model.config.call_prefix;
    if (const size_t at = text.find("{left}"); at != std::string::npos) text.replace(at, 6, std::to_string(left));
    return text;
  }

  // From BOS on, or behind a picture, where no space mark starts it.
  std::vector<int> encode(const std::string& text, bool first) const {
    const int mark = model.tokenizer.end_image();
    std::vector<int> ids =
        first ? model.tokenizer.encode({{text, -1}}) : model.tokenizer.encode({{"", mark}, {text, -1}});
    if (first)
      ids.insert(ids.begin(), Tokenizer::bos);
    else
      ids.erase(ids.begin(), std::find(ids.begin(), ids.end(), mark) + 1);
    return ids;
  }
};

double perplexity(Engine& engine, const std::vector<GivenStory>& stories) {
  Surprise surprise{engine.language};
  for (const GivenStory& story : stories) surprise.read(story);
  return surprise.perplexity();
}

std::vector<WeightFormat> formats_of(const std::string& types) {
  std::vector<WeightFormat> formats;
  for (size_t from = 0; from <= types.size();) {
    const size_t comma = std::min(types.find(',', from), types.size());
    const std::string type = types.substr(from, comma - from);
    const auto format = value_in(kWeightFormats, type);
    if (!format) fail_usage("no type " + type);
    formats.push_back(*format);
    from = comma + 1;
  }
  return formats;
}

struct Asked {
  StoryRequest request;
  int stories;
  std::vector<GivenStory> texts;
};

// Whether its words are equal, and its pictures at least so near.
bool compare(Reference& f32, Engine& other, const std::string& type, const Asked& asked, double least_psnr) {
  const Compared c = compare_stories(f32, other, type, asked.request, asked.stories);
  fmt::print("{}: {} of {} stories of {} frames have equal words, {} the same first text\n", type, c.equal, c.stories,
             asked.request.frames, c.equal_first);
  fmt::print("{}: pictures against f32's, first ones {}; last ones {}\n", type, least_and_median(c.firsts, "{:.1f} dB"),
             least_and_median(c.lasts, "{:.1f} dB"));
  fmt::print("{}: cosine of a frame's feature, texts given: {}\n", type, least_and_median(c.cosines, "{:.6f}"));
  if (!asked.texts.empty()) {
    if (!f32.perplexity) f32.perplexity = perplexity(f32.engine, asked.texts);
    fmt::print("{}: perplexity of {} given stories {:.4f}, in f32 {:.4f}\n", type, asked.texts.size(),
               perplexity(other, asked.texts), *f32.perplexity);
  }
  std::fflush(stdout);
  return c.stories > 0 && c.equal == c.stories && std::min(least(c.firsts), least(c.lasts)) >= least_psnr;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> words(argv + 1, argv + argc);
  const double steps = take_number(words, "--steps"), least_psnr = take_number(words, "--least-psnr");
  const std::string text = take_word(words, "--text"), other_dir = take_word(words, "--other"),
                    cache_type = take_word(words, "--cache");
  const auto cache = value_in(kCacheTypes, cache_type);
  if (!cache && !cache_type.empty()) fail_usage("--cache " + cache_type + ": expected f32, f16 or bf16");
  const auto word = [&](size_t i, const char* otherwise) { return i < words.size() ? words[i] : otherwise; };
  if (words.empty() || words.size() > 5)
    fail_usage("MODEL-DIR [FRAMES] [CPU] [TYPES] [STORIES] [--steps N] [--least-psnr DB] [--text FILE] [--other DIR]");
  const std::string instructions = word(2, "auto");
  const auto card = instructions == "cuda" ? make_cuda_backend() : nullptr;
  const auto set = value_in(kCpuSets, card ? "auto" : instructions);
  if (!set && instructions != "emulate") fail_usage("no instructions " + instructions);

  const ModelDir model = open_model({.dir = words[0]});
  const auto backend = set ? make_cpu_backend(0, *set) : cpu::make_backend(0, cpu::emulated_bf16());
  const ModelDir other_model = other_dir.empty() ? model : open_model({.dir = other_dir});
  Engine in_f32(*backend, model);
  Reference f32{.engine = in_f32};
  Asked asked{.request = default_request(model.config), .stories = std::atoi(word(4, "100").c_str()), .texts = {}};
  asked.request.frames = std::atoi(word(1, "10").c_str());
  asked.request.sampling = {};
  if (steps > 0) asked.request.steps = int64_t(steps);
  if (!text.empty()) asked.texts = read_stories(text, size_t(asked.stories), size_t(asked.request.frames));
  if (card) fmt::print("{}\n", card->name());
  bool good = true;
  for (const WeightFormat format : formats_of(word(3, "bf16"))) {
    StageTypes types = card ? StageTypes::of_card(format) : format;
    if (cache) types.cache = *cache;
    Engine other(card ? *card : *backend, other_model, {.types = types});
    good &= compare(f32, other, name_of(format), asked, least_psnr);
  }
  return least_psnr > 0 && !good;
} catch (const Error& error) {
  fmt::print(stderr, "compare_types: {}\n", error.what());
  return error.kind == ErrorKind::usage ? 2 : 1;
}
