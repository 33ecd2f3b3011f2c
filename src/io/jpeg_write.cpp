// encode_jpeg through libjpeg-turbo, which takes a seventh of the time of stb_image_write. Its vector code and its
// plain code give the same bytes.
#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
// Wants cstdio before it.
#include <jpeglib.h>

#include "io/jpeg.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// libjpeg's errors leave it by longjmp, as libpng's in png.cpp: write_or_jump holds only plain values.
struct Session {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  std::jmp_buf jump;
  unsigned char* bytes = nullptr;  // malloc's
  unsigned long size = 0;
};

void on_error(j_common_ptr jpeg) {
  std::longjmp(static_cast<Session*>(jpeg->client_data)->jump, 1);
}

// libjpeg's defaults: baseline, and a fourth of the colours' pixels, which no eye misses in a picture that was
// enlarged.
bool write_or_jump(Session& session, const Image& image, int quality) {
  if (setjmp(session.jump)) return false;
  jpeg_compress_struct& jpeg = session.jpeg;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &session.bytes, &session.size);
  jpeg.image_width = JDIMENSION(image.width);
  jpeg.image_height = JDIMENSION(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg.dct_method = JDCT_ISLOW;
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    const uint8_t* line = &image.rgb[size_t(jpeg.next_scanline) * size_t(image.width) * 3];
    JSAMPROW row = const_cast<JSAMPROW>(line);  // libjpeg's signature; it only reads
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  return true;
}

}  // namespace

std::string encode_jpeg(const Image& image, int quality) {
  if (image.width < 1 || image.height < 1 || image.rgb.size() != size_t(image.width) * size_t(image.height) * 3)
    fail(fmt::format("encode_jpeg: {}x{} pixels in {} bytes", image.width, image.height, image.rgb.size()));
  Session session{};
  session.jpeg.err = jpeg_std_error(&session.errors);
  session.errors.error_exit = on_error;
  session.jpeg.client_data = &session;
  const bool written = write_or_jump(session, image, quality);
  const std::unique_ptr<unsigned char, void (*)(void*)> owned(session.bytes, std::free);
  char why[JMSG_LENGTH_MAX] = "";
  if (!written) session.errors.format_message(reinterpret_cast<j_common_ptr>(&session.jpeg), why);
  jpeg_destroy_compress(&session.jpeg);
  if (!written) fail(fmt::format("encode_jpeg: {}", why));
  return {reinterpret_cast<const char*>(owned.get()), session.size};
}

}  // namespace seedstory
