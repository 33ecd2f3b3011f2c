// EXIF's orientations and transparency, on bytes.
#include "io/pixels.h"

#include <utility>

namespace seedstory {

// EXIF 2.3, tag 0x0112, says where the stored row 0 and column 0 are shown. From 5 on rows are shown as columns.
void turn_upright(Image& image, int orientation) {
  if (orientation == 1) return;
  const bool swaps = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const ptrdiff_t width = image.width, height = image.height;
  const ptrdiff_t along_row = from_right ? -1 : 1, along_column = from_below ? -width : width;
  const ptrdiff_t step_x = swaps ? along_column : along_row, step_y = swaps ? along_row : along_column;
  const ptrdiff_t first = (from_right ? width - 1 : 0) + (from_below ? (height - 1) * width : 0);

  std::vector<uint8_t> shown(image.rgb.size());
  if (swaps) std::swap(image.width, image.height);
  uint8_t* out = shown.data();
  for (ptrdiff_t y = 0; y < image.height; ++y)
    for (ptrdiff_t x = 0; x < image.width; ++x) {
      const uint8_t* pixel = &image.rgb[size_t(first + x * step_x + y * step_y) * 3];
      for (int channel = 0; channel < 3; ++channel) *out++ = pixel[channel];
    }
  image.rgb = std::move(shown);
}

bool put_on_white(std::vector<uint8_t>& rgba) {
  bool transparent = false;
  const size_t pixels = rgba.size() / 4;
  for (size_t i = 0; i < pixels; ++i) {
    const int alpha = rgba[i * 4 + 3];
    transparent |= alpha != 255;
    for (size_t channel = 0; channel < 3; ++channel)
      rgba[i * 3 + channel] = uint8_t((rgba[i * 4 + channel] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  rgba.resize(pixels * 3);
  return transparent;
}

}  // namespace seedstory
