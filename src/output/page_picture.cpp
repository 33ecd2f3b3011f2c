// The best size and quality that a budget of bytes allows.
#include "output/page_picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "io/jpeg.h"

namespace seedstory {
namespace {

constexpr int kLeastSide = 512, kMostSide = 1600;
constexpr int kTinySide = 64;  // smaller than this no budget makes a picture

Image scaled(const Image& image, double scale) {
  const auto side = [scale](int pixels) { return std::max(1, int(std::lround(pixels * scale))); };
  return resize_lanczos(image, side(image.width), side(image.height));
}

}  // namespace

PagePicture page_picture(const Image& picture, size_t most_bytes) {
  const double longest = std::max(picture.width, picture.height);
  Image image = scaled(picture, std::clamp(longest, double(kLeastSide), double(kMostSide)) / longest);
  for (;; image = scaled(image, 0.8)) {
    for (const int quality : {90, 82, 74, 66}) {
      std::string jpeg = encode_jpeg(image, quality);
      if (jpeg.size() <= most_bytes || std::max(image.width, image.height) <= kTinySide)
        return {.width = image.width, .height = image.height, .jpeg = std::move(jpeg)};
    }
  }
}

}  // namespace seedstory
