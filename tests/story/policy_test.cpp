// Which tokens each KV policy keeps.
#include "language/policy.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "golden.h"
#include "io/file.h"

using namespace seedstory;

namespace {

using Tokens = std::vector<int64_t>;

Tokens range(int64_t begin, int64_t end) {
  Tokens t(end - begin);
  std::iota(t.begin(), t.end(), begin);
  return t;
}

Tokens join(std::initializer_list<Tokens> parts) {
  Tokens all;
  for (const Tokens& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// A story as the cache sees it: `text` tokens, then a picture of `inner` + 2 tokens, again and again. Returns what is
// kept when the last picture is about to enter.
Tokens kept_at_the_end(Policy policy, int64_t window, int64_t frames, int64_t text, int64_t inner,
                       SinkSpans spans = {}) {
  SinkPolicy rule(policy, window, spans);
  Tokens kept;
  int64_t history = 0;
  for (int64_t frame = 0; frame < frames; ++frame) {
    for (int64_t i = 0; i < text; ++i) kept.push_back(history++);
    kept = rule.add_picture(history, history + inner + 1, kept);
    if (frame + 1 == frames) break;
    for (int64_t i = 0; i < inner + 2; ++i) kept.push_back(history++);
  }
  return kept;
}

}  // namespace

TEST_CASE("dense keeps every token", "[policy]") {
  CHECK(kept_at_the_end(Policy::dense, 1, 4, 10, 64) == range(0, 3 * 76 + 10));
}

TEST_CASE("sink keeps the first four tokens and the window", "[policy]") {
  // Four pictures, window 2: the first two are evicted, the second one's </img> is token 151.
  CHECK(kept_at_the_end(Policy::sink, 2, 4, 10, 64) == join({range(0, 4), range(152, 238)}));
}

TEST_CASE("mm_sink keeps 24 tokens round each evicted picture", "[policy]") {
  // <img> at 10 and 86, </img> at 75 and 151.
  CHECK(kept_at_the_end(Policy::mm_sink, 2, 4, 10, 64) ==
        join({range(0, 4), range(6, 18), range(67, 79), range(82, 94), range(143, 238)}));
}

TEST_CASE("mm_sink clamps spans that start before the story and joins those that overlap", "[policy]") {
  struct {
    int64_t text, inner;
    Tokens expected;
    const char* why;
  } cases[] = {
      {2, 64, join({range(0, 10), range(59, 70)}), "<img> at 2: b - 4 is negative"},
      {0, 64, join({range(0, 8), range(57, 66)}), "the story starts with a picture"},
      {10, 6, range(0, 28), "[b-4, b+8) and [e-8, e+4) overlap: no token is kept twice"},
  };
  for (const auto& c : cases) {
    INFO(c.why);
    CHECK(kept_at_the_end(Policy::mm_sink, 1, 2, c.text, c.inner) ==
          (c.inner == 6 ? join({range(0, 4), range(6, 28)}) : c.expected));
  }
}

TEST_CASE("the cache of mm_sink grows by the spans alone", "[policy]") {
  for (int64_t frames = 6; frames < 40; ++frames) {
    const auto size = kept_at_the_end(Policy::mm_sink, 3, frames, 20, 64).size();
    CHECK(size + 24 == kept_at_the_end(Policy::mm_sink, 3, frames + 1, 20, 64).size());
  }
  const SinkSpans nano{2, 2, 2, 2};
  CHECK(kept_at_the_end(Policy::mm_sink, 3, 11, 20, 16, nano).size() + 8 ==
        kept_at_the_end(Policy::mm_sink, 3, 12, 20, 16, nano).size());
}

TEST_CASE("what is kept equals the golden policies", "[policy][golden]") {
  if (!have_golden()) return;
  const auto stories = nlohmann::json::parse(read_text_file(golden_dir() / "policies.json"));
  const std::pair<const char*, Policy> policies[] = {
      {"dense", Policy::dense}, {"sink", Policy::sink}, {"mm_sink", Policy::mm_sink}};
  for (const auto& [name, policy] : policies) {
    const auto& frames = stories.at(name);
    const int64_t text = int64_t(frames[0].at("ids").size());
    const int64_t start = int64_t(frames[0].at("cache")) - text;  // BOS, caption, start picture
    SinkPolicy rule(policy, 2, {});
    Tokens kept = range(0, start);
    int64_t history = start;
    kept = rule.add_picture(start - 66, start - 1, kept);
    for (const auto& frame : frames) {
      for (size_t i = 0; i < frame.at("ids").size(); ++i) kept.push_back(history++);
      CHECK(int64_t(kept.size()) == frame.at("cache").get<int64_t>());
      kept = rule.add_picture(history, history + 65, kept);
      CHECK(kept == frame.at("kept").get<Tokens>());
      for (int i = 0; i < 66; ++i) kept.push_back(history++);
    }
  }
}
