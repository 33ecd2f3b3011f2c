// Softmax of one query, a tile of keys at a time: what attention keeps of the tiles so far is the largest score, the
// sum of the weights relative to it, and the weighted sum of the values (Milakov and Gimelshein 2018,
// arXiv:1805.02867).
#pragma once

#include "cpu/simd/lane_math.h"
#include "cpu/simd/lane_rows.h"

namespace seedstory::cpu {

// scores <- weights of this tile's keys: e^(scale score - row_max). Corrects row_sum and out for a larger row_max.
// Scores and out are padded to whole Lanes; of the scores the padding gets weight 0. Begin with row_max = -infinity,
// row_sum = 0, out = 0.
template <class Lanes>
void online_softmax(const OnlineSoftmaxArgs& args) {
  const int64_t keys = args.keys;
  float *scores = args.scores, *row_max = args.row_max, *row_sum = args.row_sum, *out = args.out;
  Lanes largest = Lanes::all(*row_max);
  for (int64_t i = 0; i < keys; i += Lanes::kCount) {
    Lanes s = Lanes::load(scores + i) * Lanes::all(args.scale);
    s.store(scores + i);
    if (i + Lanes::kCount > keys) {
      for (int64_t pad = keys; pad < i + Lanes::kCount; ++pad) scores[pad] = -__builtin_inff();
      s = Lanes::load(scores + i);
    }
    largest = max(s, largest);
  }
  const float now = max_of(largest);
  if (now != *row_max) {
    const Lanes shrink = exp(Lanes::all(*row_max - now));
    (Lanes::all(*row_sum) * shrink).store(row_sum, 1);
    for (int64_t i = 0; i < args.dim; i += Lanes::kCount) (Lanes::load(out + i) * shrink).store(out + i);
    *row_max = now;
  }
  Lanes total = Lanes::all(0);
  for (int64_t i = 0; i < keys; i += Lanes::kCount) {
    const Lanes weight = exp(Lanes::load(scores + i) - Lanes::all(now));
    weight.store(scores + i);
    total = total + weight;
  }
  *row_sum += sum_of(total);
}

template <class Lanes>
void divide(int64_t n, const float* x, float by, float* y) {
  for_lanes<Lanes>(
      n, [&](int64_t i, auto... count) { (Lanes::load(x + i, count...) / Lanes::all(by)).store(y + i, count...); });
}

template <class Lanes>
void apply_rope(int64_t half, const float* x, const float* rope, float* y) {
  for_lanes<Lanes>(half, [&](int64_t j, auto... count) {
    const Lanes a = Lanes::load(x + j, count...), b = Lanes::load(x + half + j, count...);
    const Lanes cos = Lanes::load(rope + j, count...), sin = Lanes::load(rope + half + j, count...);
    fma(a, cos, Lanes::all(0) - b * sin).store(y + j, count...);
    fma(b, cos, a * sin).store(y + half + j, count...);
  });
}

}  // namespace seedstory::cpu
