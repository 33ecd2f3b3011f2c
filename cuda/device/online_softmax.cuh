// A softmax whose scores come in parts.
#pragma once

#include "gpu.cuh"

namespace seedstory {

// Added to offset() where weights are rounded to 16 bits: the largest is 2^15 then. f16 has normal numbers down to
// 2^-29 of it, others down to 2^-39, and 2^15 is still less than its largest.
inline constexpr float kHeadroom = 15;

// The largest score so far and the sum of the weights relative to it (Milakov and Gimelshein 2018, arXiv:1805.02867).
// Scores are in base 2: times log2(e), which the caller folds into its scale. The weight of a score is
//
//   exp2_approx(fmaf(score, scale, softmax.offset()))
//
// and the caller adds it to `sum`, or a lane the weights of its own scores, where lanes hold one maximum.
struct OnlineSoftmax {
  float max = -INFINITY;
  float sum = 0;

  // Before scores up to `top` are weighed. Returns what a sum of weighted values is to be multiplied by; `sum` is
  // already. Exactly 1 where the maximum stays: whether the caller then multiplies does not change a bit.
  __device__ float raise(float top) {
    const float before = max;
    max = fmaxf(max, top);
    const float factor = ratio(before, max);
    sum *= factor;
    return factor;
  }

  // Where all scores so far are -inf, their weights are 0 and not NaN: a part may hold nothing that counts.
  __device__ float offset() const { return max == -INFINITY ? 0 : -max; }

  struct Factors {
    float mine, other;  // for the sums of weighted values on both sides
  };
  // Takes in the softmax of other scores. One without scores changes nothing.
  __device__ Factors merge(const OnlineSoftmax& other) {
    const float top = fmaxf(max, other.max);
    const Factors factors = {.mine = ratio(max, top), .other = ratio(other.max, top)};
    sum = sum * factors.mine + other.sum * factors.other;
    max = top;
    return factors;
  }

 private:
  static __device__ float ratio(float from, float to) { return from == to ? 1 : exp2_approx(from - to); }
};

}  // namespace seedstory
