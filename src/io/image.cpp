// Which decoder reads a file.
#include "io/image.h"

#include <fmt/format.h>

#include "io/file.h"
#include "io/jpeg.h"
#include "io/picture_kind.h"
#include "io/pixels.h"
#include "io/png.h"
#include "io/webp.h"
#include "seedstory/error.h"

namespace seedstory {

void check_image_size(int64_t width, int64_t height, const std::string& file) {
  if (width < 1 || height < 1)
    fail_input(fmt::format("{}: {}x{} pixels, a picture has at least one", file, width, height));
  if (width > kMaxSide || height > kMaxSide || width * height > kMaxPixels)
    fail_input(fmt::format("{}: {}x{} pixels, at most {} a side and {} in all are read", file, width, height, kMaxSide,
                           kMaxPixels));
}

bool is_picture(std::span<const uint8_t> bytes) {
  return is_png(bytes) || is_jpeg(bytes) || is_webp(bytes);
}

Picture read_picture(std::span<const uint8_t> bytes, const std::string& name, Pixels pixels) {
  constexpr size_t kMaxFileBytes = 1 << 30;  // stb_image counts in int
  if (bytes.size() > kMaxFileBytes) fail_input(fmt::format("{}: {} bytes, too long for a picture", name, bytes.size()));
  if (!is_picture(bytes)) refuse_kind(bytes, name);
  Picture picture = is_png(bytes)    ? decode_png(bytes, name, pixels)
                    : is_jpeg(bytes) ? decode_jpeg(bytes, name)
                                     : decode_webp(bytes, name, pixels);
  picture.facts.width = picture.image.width;
  picture.facts.height = picture.image.height;
  if (pixels == Pixels::shown) turn_upright(picture.image, picture.facts.orientation);
  return picture;
}

Image read_image(const std::filesystem::path& path) {
  const MappedFile file(path);
  return read_picture(file.bytes(), path.string()).image;
}

}  // namespace seedstory
