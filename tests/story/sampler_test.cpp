// How the next token is drawn from logits.
#include "language/sampler.h"

#include <cmath>
#include <map>

#include "catch.h"

using namespace seedstory;

namespace {

int pick(const SamplingParams& params, std::vector<float> logits, std::vector<int> recent = {}, uint64_t seed = 1) {
  return Sampler(params, seed).pick(logits, recent);
}

std::map<int, int> draws(const SamplingParams& params, const std::vector<float>& logits, int count) {
  Sampler sampler(params, 7);
  std::map<int, int> seen;
  for (int i = 0; i < count; ++i) {
    std::vector<float> copy = logits;
    ++seen[sampler.pick(copy, {})];
  }
  return seen;
}

}  // namespace

TEST_CASE("greedy takes the largest logit, the lowest id in a tie", "[sampler]") {
  CHECK(pick({}, {0.f, 3.f, 1.f}) == 1);
  CHECK(pick({}, {2.f, 5.f, 5.f, 5.f}) == 1);
  CHECK(pick({}, {-INFINITY, -4.f, -4.f}) == 1);
}

TEST_CASE("the repeat penalty works on both signs", "[sampler]") {
  const SamplingParams params{.repeat_penalty = 2};
  CHECK(pick(params, {4.f, 3.f}, {0}) == 1);
  CHECK(pick(params, {-2.f, -3.f}, {0}) == 1);
  CHECK(pick(params, {7.f, 3.f}, {0}) == 0);
}

TEST_CASE("temperature draws by probability, top-k, top-p and min-p cut the tail", "[sampler]") {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  const SamplingParams all{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
  auto seen = draws(all, logits, 4000);
  CHECK(std::abs(seen[0] - 2000) < 150);
  CHECK(std::abs(seen[3] - 200) < 80);

  auto limited = all;
  limited.top_k = 2;
  CHECK(draws(limited, logits, 500).size() == 2);
  limited = all;
  limited.top_p = 0.9f;
  CHECK(draws(limited, logits, 500).size() == 3);
  limited = all;
  limited.min_p = 0.4f;
  CHECK(draws(limited, logits, 500).size() == 2);
}

TEST_CASE("the same seed draws the same tokens", "[sampler]") {
  const SamplingParams params{.temperature = 1.5f};
  const std::vector<float> logits(50, 0.f);
  bool differ = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CHECK(pick(params, logits, {}, seed) == pick(params, logits, {}, seed));
    differ |= pick(params, logits, {}, seed) != pick(params, logits, {}, seed + 1);
  }
  CHECK(differ);
}
