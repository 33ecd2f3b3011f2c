// Pillow's src/libImaging/Resample.c, the 8-bit path with the triangle and the Lanczos filter.
//
// For each axis: output pixel i is the weighted mean of the input pixels under a filter of half-width S = radius *
// max(1, in / out) round (i + 0.5) * in / out. Weights are rounded to 22 fractional bits; the result of the horizontal
// pass is rounded to 8 bits before the vertical one. The double arithmetic follows Pillow's order, so the weights are
// its bits.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "io/image.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

constexpr int kWeightBits = 32 - 8 - 2;

struct Taps {
  int first;  // input pixel of weights[0]
  std::vector<int32_t> weights;
};

struct Filter {
  double radius;  // in input pixels, where the picture grows
  double (*weight)(double x);
};

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

double sinc(double x) {
  return x == 0 ? 1.0 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double lanczos(double x) {
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0.0;
}

std::vector<Taps> make_taps(int in, int out, const Filter& filter) {
  const double scale = double(in) / out;
  const double support = filter.radius * std::max(scale, 1.0);
  const double inverse = 1.0 / std::max(scale, 1.0);
  std::vector<Taps> all(static_cast<size_t>(out));
  std::vector<double> exact;
  for (int i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, int(center - support + 0.5));
    const int last = std::min(in, int(center + support + 0.5));
    exact.clear();
    double sum = 0;
    for (int x = first; x < last; ++x) {
      const double weight = filter.weight((x - center + 0.5) * inverse);
      exact.push_back(weight);
      sum += weight;
    }
    Taps& taps = all[size_t(i)];
    taps.first = first;
    for (double weight : exact) {
      const double share = sum == 0 ? weight : weight / sum;
      taps.weights.push_back(int32_t(std::copysign(0.5, share) + share * (1 << kWeightBits)));
    }
  }
  return all;
}

uint8_t rounded(int32_t sum) {
  return uint8_t(std::clamp(sum >> kWeightBits, 0, 255));
}

// Along a line of pixels.
void filter_line(const uint8_t* in, uint8_t* out, const std::vector<Taps>& all) {
  for (const Taps& taps : all) {
    const uint8_t* pixel = in + taps.first * 3;
    int32_t sum[3] = {1 << (kWeightBits - 1), 1 << (kWeightBits - 1), 1 << (kWeightBits - 1)};
    for (int32_t weight : taps.weights) {
      for (int channel = 0; channel < 3; ++channel) sum[channel] += pixel[channel] * weight;
      pixel += 3;
    }
    for (int channel = 0; channel < 3; ++channel) out[channel] = rounded(sum[channel]);
    out += 3;
  }
}

// Across lines of `count` numbers, a whole output line at a time: memory is read in order.
void filter_lines(const uint8_t* in, uint8_t* out, size_t count, const std::vector<Taps>& all) {
  std::vector<int32_t> sums(count);
  for (const Taps& taps : all) {
    std::fill(sums.begin(), sums.end(), 1 << (kWeightBits - 1));
    const uint8_t* line = in + size_t(taps.first) * count;
    for (int32_t weight : taps.weights) {
      for (size_t i = 0; i < count; ++i) sums[i] += line[i] * weight;
      line += count;
    }
    for (size_t i = 0; i < count; ++i) out[i] = rounded(sums[i]);
    out += count;
  }
}

Image blank(int width, int height) {
  return {.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t(width) * size_t(height) * 3)};
}

Image resize(const Image& image, int width, int height, const Filter& filter, const char* name) {
  if (image.width < 1 || image.height < 1 || width < 1 || height < 1)
    fail(fmt::format("{}: from {}x{} to {}x{}, sizes must be at least 1", name, image.width, image.height, width,
                     height));
  if (width == image.width && height == image.height) return image;
  Image narrowed;
  if (width != image.width) {
    narrowed = blank(width, image.height);
    const auto taps = make_taps(image.width, width, filter);
    for (int y = 0; y < image.height; ++y)
      filter_line(&image.rgb[size_t(y) * size_t(image.width) * 3], &narrowed.rgb[size_t(y) * size_t(width) * 3], taps);
  }
  if (height == image.height) return narrowed;
  const Image& wide = width == image.width ? image : narrowed;
  Image out = blank(width, height);
  filter_lines(wide.rgb.data(), out.rgb.data(), size_t(width) * 3, make_taps(image.height, height, filter));
  return out;
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) {
  return resize(image, width, height, {.radius = 1, .weight = triangle}, "resize_bilinear");
}

Image resize_lanczos(const Image& image, int width, int height) {
  return resize(image, width, height, {.radius = 3, .weight = lanczos}, "resize_lanczos");
}

}  // namespace seedstory
