// How far two pictures of one size are apart.
#pragma once

#include <cmath>

#include "io/image.h"

namespace seedstory {

// In dB; infinite where they are equal.
inline double psnr(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(double(a.rgb[i]) - b.rgb[i], 2);
  return sum == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * double(a.rgb.size()) / sum);
}

}  // namespace seedstory
