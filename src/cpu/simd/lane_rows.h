// Rows of numbers over Lanes: elementwise ops and norms.
//
// The end of a row that fills no Lanes goes through the same operations, with the lanes beyond it masked: a value gives
// the same bits wherever it stands. Sums run down the sixteen lanes and then over them in a fixed tree.
#pragma once

#include <cmath>

#include "cpu/simd/lane_math.h"

namespace seedstory::cpu {

// body(i) for whole Lanes at i, then body(i, count) for the `count` last ones; Lanes::load and store take both.
template <class Lanes, class Body>
void for_lanes(int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + Lanes::kCount <= n; i += Lanes::kCount) body(i);
  if (i < n) body(i, n - i);
}

// The first `count` lanes of v, the others 0.
template <class Lanes>
Lanes keep(Lanes v) {
  return v;
}
template <class Lanes>
Lanes keep(Lanes v, int64_t count) {
  float kept[Lanes::kCount];
  v.store(kept);
  return Lanes::load(kept, count);
}

template <class Lanes>
void epilogue(const EpilogueArgs& args) {
  const float *c = args.c, *bias = args.bias, *residual = args.residual;
  float* y = args.y;
  for (int64_t row = 0; row < args.rows; ++row) {
    for_lanes<Lanes>(args.columns, [&](int64_t i, auto... count) {
      Lanes v = Lanes::load(c + i, count...);
      if (bias) v = v + Lanes::load(bias + i, count...);
      v = activate(args.act, v);
      if (residual) v = v + Lanes::load(residual + i, count...);
      v.store(y + i, count...);
    });
    c += args.c_stride, residual += args.residual_stride, y += args.y_stride;
  }
}

template <class Lanes>
void epilogue_gated(const GatedEpilogueArgs& args) {
  const float *a = args.a, *g = args.g, *a_bias = args.a_bias, *g_bias = args.g_bias;
  float* y = args.y;
  for (int64_t row = 0; row < args.rows; ++row, a += args.stride, g += args.stride, y += args.y_stride)
    for_lanes<Lanes>(args.columns, [&](int64_t i, auto... count) {
      Lanes value = Lanes::load(a + i, count...), gate = Lanes::load(g + i, count...);
      if (a_bias) {
        value = value + Lanes::load(a_bias + i, count...);
        gate = gate + Lanes::load(g_bias + i, count...);
      }
      (value * activate(args.act, gate)).store(y + i, count...);
    });
}

template <class Lanes>
void add(int64_t n, const float* a, const float* b, float* y) {
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) {
    (Lanes::load(a + i, count...) + Lanes::load(b + i, count...)).store(y + i, count...);
  });
}

template <class Lanes>
void activate_row(int64_t n, Activation act, const float* x, float* y) {
  for_lanes<Lanes>(
      n, [&](int64_t i, auto... count) { activate(act, Lanes::load(x + i, count...)).store(y + i, count...); });
}

template <class Lanes>
void layer_norm(int64_t n, const float* x, const float* w, const float* b, float eps, float* y) {
  Lanes total = Lanes::all(0);
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) { total = total + Lanes::load(x + i, count...); });
  // A centre near the mean; what it misses is in the sum of the differences.
  const float centre = sum_of(total) / float(n);
  Lanes first = Lanes::all(0), second = Lanes::all(0);
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) {
    const Lanes d = keep(Lanes::load(x + i, count...) - Lanes::all(centre), count...);
    first = first + d;
    second = fma(d, d, second);
  });
  const double miss = double(sum_of(first)) / double(n);
  const double var = double(sum_of(second)) / double(n) - miss * miss;
  const auto scale = float(1 / std::sqrt(var + eps));
  const auto rest = float(miss);
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) {
    const Lanes d = Lanes::load(x + i, count...) - Lanes::all(centre) - Lanes::all(rest);
    fma(d * Lanes::all(scale), Lanes::load(w + i, count...), Lanes::load(b + i, count...)).store(y + i, count...);
  });
}

template <class Lanes>
void add_rms_norm(int64_t n, float* h, const float* r, const float* w, float eps, float* y) {
  Lanes squares = Lanes::all(0);
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) {
    Lanes v = Lanes::load(h + i, count...);
    if (r) {
      v = v + Lanes::load(r + i, count...);
      v.store(h + i, count...);
    }
    squares = fma(v, v, squares);
  });
  const auto scale = float(1 / std::sqrt(double(sum_of(squares)) / double(n) + eps));
  for_lanes<Lanes>(n, [&](int64_t i, auto... count) {
    (Lanes::load(h + i, count...) * Lanes::all(scale) * Lanes::load(w + i, count...)).store(y + i, count...);
  });
}

template <class Lanes>
void channel_sums(const ChannelSumsArgs& args) {
  const int64_t pixels = args.pixels, stride = args.stride;
  const float* x = args.x;
  for_lanes<Lanes>(args.channels, [&](int64_t i, auto... count) {
    Lanes total = Lanes::all(0);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) total = total + Lanes::load(x + pixel * stride + i, count...);
    const Lanes mean = total * Lanes::all(1 / float(pixels));
    Lanes sum = Lanes::all(0), squares = Lanes::all(0);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const Lanes d = Lanes::load(x + pixel * stride + i, count...) - mean;
      sum = sum + d;
      squares = fma(d, d, squares);
    }
    mean.store(args.centre + i, count...);
    sum.store(args.first + i, count...);
    squares.store(args.second + i, count...);
  });
}

template <class Lanes>
void scale_channels(const ScaleChannelsArgs& args) {
  const float *x = args.x, *scale = args.scale, *offset = args.offset;
  float* y = args.y;
  for (int64_t pixel = 0; pixel < args.pixels; ++pixel, x += args.x_stride, y += args.y_stride)
    for_lanes<Lanes>(args.channels, [&](int64_t i, auto... count) {
      const Lanes v = Lanes::load(x + i, count...);
      activate(args.act, fma(v, Lanes::load(scale + i, count...), Lanes::load(offset + i, count...)))
          .store(y + i, count...);
    });
}

}  // namespace seedstory::cpu
