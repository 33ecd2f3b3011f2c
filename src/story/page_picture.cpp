#include "story/page_picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "io/image.h"
#include "io/jpeg.h"

namespace seedstory {
namespace {

constexpr int kMostSide = 1600;
constexpr size_t kMostBytes = 384 << 10;

Image shrunk(const Image& image, int most_side) {
  const double scale = std::min(1.0, double(most_side) / std::max(image.width, image.height));
  const auto scaled = [&](int side) { return std::max(1, int(std::lround(side * scale))); };
  return resize_bilinear(image, scaled(image.width), scaled(image.height));
}

}  // namespace

std::string page_picture(std::string png) {
  Image image = read_picture({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, "000.png").image;
  if (std::max(image.width, image.height) <= kMostSide && png.size() <= kMostBytes) return png;
  for (int side = kMostSide;; side = side * 3 / 4) {
    image = shrunk(image, side);
    for (const int quality : {88, 78, 65}) {
      std::string jpeg = encode_jpeg(image, quality);
      if (jpeg.size() <= kMostBytes) return jpeg;
    }
  }
}

}  // namespace seedstory
