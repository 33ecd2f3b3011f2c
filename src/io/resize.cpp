// Pillow's src/libImaging/Resample.c, the 8-bit path with the triangle and the Lanczos filter.
//
// For each axis: output pixel i is the weighted mean of the input pixels under a filter of half-width S = radius *
// max(1, in / out) round (i + 0.5) * in / out. Weights are rounded to 22 fractional bits; the result of the horizontal
// pass is rounded to 8 bits before the vertical one. The double arithmetic follows Pillow's order, so the weights are
// its bits. Where the picture is for eyes, weights have 14 fractional bits: the products of 16-bit numbers are what
// every processor has vectors of, and the difference is a twentieth of a pixel's last place.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "io/image.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

template <class Weight>
constexpr int kWeightBits = sizeof(Weight) == 4 ? 32 - 8 - 2 : 14;

template <class Weight>
struct Taps {
  int first;  // input pixel of weights[0]
  std::vector<Weight> weights;
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

template <class Weight>
std::vector<Taps<Weight>> make_taps(int in, int out, const Filter& filter) {
  const double scale = double(in) / out;
  const double support = filter.radius * std::max(scale, 1.0);
  const double inverse = 1.0 / std::max(scale, 1.0);
  std::vector<Taps<Weight>> all(static_cast<size_t>(out));
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
    Taps<Weight>& taps = all[size_t(i)];
    taps.first = first;
    for (double weight : exact) {
      const double share = sum == 0 ? weight : weight / sum;
      taps.weights.push_back(Weight(std::copysign(0.5, share) + share * (1 << kWeightBits<Weight>)));
    }
  }
  return all;
}

// Across lines of `count` numbers, a whole output line at a time: memory is read in order.
template <class Weight>
void filter_lines(const uint8_t* in, uint8_t* out, size_t count, const std::vector<Taps<Weight>>& all) {
  constexpr int kBits = kWeightBits<Weight>;
  std::vector<int32_t> sums(count);
  for (const Taps<Weight>& taps : all) {
    std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
    const uint8_t* line = in + size_t(taps.first) * count;
    for (const Weight weight : taps.weights) {
      for (size_t i = 0; i < count; ++i) sums[i] += Weight(line[i]) * weight;
      line += count;
    }
    for (size_t i = 0; i < count; ++i) out[i] = uint8_t(std::clamp(sums[i] >> kBits, 0, 255));
    out += count;
  }
}

Image blank(int width, int height) {
  return {.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t(width) * size_t(height) * 3)};
}

// Rows become columns.
Image transposed(const Image& image) {
  Image out = blank(image.height, image.width);
  const size_t width = size_t(image.width), height = size_t(image.height);
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x)
      for (size_t channel = 0; channel < 3; ++channel)
        out.rgb[(x * height + y) * 3 + channel] = image.rgb[(y * width + x) * 3 + channel];
  return out;
}

template <class Weight>
Image with_height(const Image& image, int height, const Filter& filter) {
  Image out = blank(image.width, height);
  filter_lines(image.rgb.data(), out.rgb.data(), size_t(image.width) * 3,
               make_taps<Weight>(image.height, height, filter));
  return out;
}

template <class Weight>
Image resize(const Image& image, int width, int height, const Filter& filter, const char* name) {
  if (image.width < 1 || image.height < 1 || width < 1 || height < 1)
    fail(fmt::format("{}: from {}x{} to {}x{}, sizes must be at least 1", name, image.width, image.height, width,
                     height));
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return with_height<Weight>(image, height, filter);
  const Image narrowed = transposed(with_height<Weight>(transposed(image), width, filter));
  return height == image.height ? narrowed : with_height<Weight>(narrowed, height, filter);
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) {
  return resize<int32_t>(image, width, height, {.radius = 1, .weight = triangle}, "resize_bilinear");
}

Image resize_lanczos(const Image& image, int width, int height) {
  return resize<int16_t>(image, width, height, {.radius = 3, .weight = lanczos}, "resize_lanczos");
}

}  // namespace seedstory
