// From logits to the next token.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "request/request.h"

namespace seedstory {

class Sampler {
 public:
  Sampler(const SamplingParams& params, uint64_t seed) : params_(params), random_(seed) {}

  // pick() takes the largest logit and needs nothing else.
  bool is_greedy() const { return params_.temperature <= 0 && params_.repeat_penalty == 1; }

  // `recent` are the tokens so far, newest last. May change `logits`.
  int pick(std::span<float> logits, std::span<const int> recent);

 private:
  SamplingParams params_;
  std::mt19937_64 random_;
};

}  // namespace seedstory
