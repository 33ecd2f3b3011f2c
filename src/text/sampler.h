// From logits to the next token.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace seedstory {

// llama.cpp's meanings. The defaults are greedy, as the published program in effect is (its do_sample is False).
struct SamplingParams {
  float temperature = 0;     // 0: greedy; the lowest id wins a tie
  int top_k = 40;            // 0: all
  float top_p = 0.95f;       // 1: all
  float min_p = 0.05f;       // of the best token's probability; 0: all
  float repeat_penalty = 1;  // divides positive, multiplies negative logits of the last 64 tokens; 1: none
};

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
