#include "io/image.h"

#include <cmath>
#include <fstream>

#include "catch.h"
#include "golden.h"
#include "io/temp_folder.h"
#include "io/weights_file.h"

using namespace seedstory;

namespace {

const std::filesystem::path kPictures = std::filesystem::path(SEEDSTORY_SOURCE_DIR) / "tests/data/pictures";

Image image_of(const Tensor& t) {
  return {.width = int(t.dim[1]), .height = int(t.dim[0]), .rgb = {t.as<uint8_t>(), t.as<uint8_t>() + t.numel()}};
}

int largest_difference(const Image& a, const Image& b) {
  REQUIRE(a.width == b.width);
  REQUIRE(a.height == b.height);
  int largest = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) largest = std::max(largest, std::abs(int(a.rgb[i]) - int(b.rgb[i])));
  return largest;
}

int check_resizes(const TensorSource& source) {
  int cases = 0;
  for (; const StoredTensor* input = source.find("resize." + std::to_string(cases) + ".input"); ++cases) {
    const Image expected = image_of(source.find("resize." + std::to_string(cases) + ".output")->values);
    INFO(input->values.str() << " to " << expected.width << "x" << expected.height);
    const Image got = resize_bilinear(image_of(input->values), expected.width, expected.height);
    CHECK(largest_difference(got, expected) == 0);
  }
  return cases;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string read_error(const TempFolder& folder, std::string_view name, std::string_view bytes) {
  const auto path = folder.file(name, bytes);
  return folder.shorten(error_of(ErrorKind::input, [&] { read_image(path); }));
}

}  // namespace

TEST_CASE("resize_bilinear equals Pillow's on the golden pictures", "[io][golden]") {
  if (!have_golden()) return;
  CHECK(check_resizes(*open_weights(golden_dir() / "primitives.safetensors")) == 10);
}

TEST_CASE("resize_bilinear equals Pillow's", "[io]") {
  CHECK(check_resizes(*open_weights(kPictures / "pictures.safetensors")) == 6);
}

TEST_CASE("resize_bilinear wants sizes of at least 1", "[io]") {
  const Image one{.width = 1, .height = 1, .rgb = {1, 2, 3}};
  CHECK(error_of(ErrorKind::failed, [&] { resize_bilinear(one, 0, 4); }) ==
        "resize_bilinear: from 1x1 to 0x4, sizes must be at least 1");
  CHECK(error_of(ErrorKind::failed, [&] { resize_bilinear({}, 4, 4); }) ==
        "resize_bilinear: from 0x0 to 4x4, sizes must be at least 1");
  CHECK(resize_bilinear(one, 1, 1).rgb == one.rgb);
}

TEST_CASE("read_image equals Pillow's convert(RGB)", "[io]") {
  const auto expected = open_weights(kPictures / "pictures.safetensors");
  struct {
    const char* name;
    int limit;  // in units of 1/255; JPEG decoders round differently
  } cases[] = {{"grey1.png", 0},      {"grey2.png", 0},       {"grey4.png", 0},           {"grey8.png", 0},
               {"grey8_key.png", 0},  {"grey_alpha8.png", 0}, {"grey_alpha16.png", 0},    {"rgb8.png", 0},
               {"rgb8_gamma.png", 0}, {"rgb16.png", 0},       {"rgb8_interlaced.png", 0}, {"rgba8.png", 0},
               {"rgba16.png", 0},     {"palette2.png", 0},    {"palette8.png", 0},        {"grey16.png", 0},
               {"rgb444.jpg", 2},     {"rgb420.jpg", 3},      {"progressive.jpg", 2},     {"grey.jpg", 1},
               {"exif.jpg", 2}};
  for (auto [name, limit] : cases) {
    INFO(name);
    CHECK(largest_difference(read_image(kPictures / name), image_of(expected->find(name)->values)) <= limit);
  }
}

TEST_CASE("read_image refuses what is no picture", "[io]") {
  const TempFolder folder;
  CHECK(read_error(folder, "notes.txt", "hello") == "notes.txt: neither a PNG nor a JPEG file");
  CHECK(read_error(folder, "empty.png", "") == "empty.png: neither a PNG nor a JPEG file");
  CHECK(read_error(folder, "anim.gif", "GIF89a........") == "anim.gif: neither a PNG nor a JPEG file");
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { read_image(folder / "absent.png"); })) ==
        "absent.png: no such file");
  CHECK(error_of(ErrorKind::input, [] { read_image(kPictures); }) ==
        kPictures.string() + ": is a folder, expected a file");
  CHECK(error_of(ErrorKind::input, [] { read_image("/dev/null"); }) == "/dev/null: is not a regular file");
}

TEST_CASE("read_image refuses a CMYK JPEG by name", "[io]") {
  const auto path = kPictures / "cmyk.jpg";
  CHECK(error_of(ErrorKind::input, [&] { read_image(path); }) == path.string() + ": a CMYK JPEG; save it as RGB first");
}

TEST_CASE("read_image notices a picture that is cut off or damaged", "[io]") {
  const TempFolder folder;
  for (const char* name : {"rgb8.png", "rgb8_interlaced.png", "palette8.png"}) {
    const std::string whole = bytes_of(kPictures / name);
    for (size_t length = 8; length < whole.size(); ++length)
      CHECK(read_error(folder, name, whole.substr(0, length)).starts_with(std::string(name) + ": broken PNG: "));
  }
  for (const char* name : {"rgb444.jpg", "progressive.jpg", "exif.jpg"}) {
    const std::string whole = bytes_of(kPictures / name);
    for (size_t length = 4; length < whole.size(); ++length)
      CHECK(read_error(folder, name, whole.substr(0, length)).starts_with(std::string(name) + ": broken JPEG: "));
  }
  std::string damaged = bytes_of(kPictures / "rgb8.png");
  damaged[damaged.size() - 13] ^= 1;  // of the pixels' checksum
  CHECK(read_error(folder, "damaged.png", damaged) == "damaged.png: broken PNG: IDAT: CRC error");
}

TEST_CASE("A Huffman table of more than 256 codes does not get to stb_image", "[io]") {
  const TempFolder folder;
  std::string first = bytes_of(kPictures / "rgb444.jpg"), second = bytes_of(kPictures / "progressive.jpg");
  const std::string_view table = "\xFF\xC4";
  first[first.find(table) + 5] = '\xFF';
  first[first.find(table) + 6] = '\xFF';
  CHECK(read_error(folder, "first.jpg", first) == "first.jpg: broken JPEG: bad Huffman table");
  REQUIRE(second.rfind(table) > second.find("\xFF\xDA"));  // tables between scans
  second[second.rfind(table) + 5] = '\xFF';
  second[second.rfind(table) + 6] = '\xFF';
  CHECK(read_error(folder, "second.jpg", second) == "second.jpg: broken JPEG: bad Huffman table");
}

TEST_CASE("read_image never crashes on changed bytes", "[io]") {
  const TempFolder folder;
  uint32_t state = 1;
  const auto random = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
  for (const char* name : {"rgb8.png", "palette2.png", "rgb420.jpg", "progressive.jpg"}) {
    const std::string whole = bytes_of(kPictures / name);
    for (int round = 0; round < 300; ++round) {
      std::string changed = whole;
      for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = char(random());
      (void)read_error(folder, name, changed);
    }
  }
}

TEST_CASE("read_image refuses huge pictures before it makes room for them", "[io]") {
  const TempFolder folder;
  const auto with_size = [](std::string bytes, size_t at, uint32_t width, uint32_t height) {
    for (int k = 0; k < 4; ++k) {
      bytes[at + size_t(k)] = char(width >> (24 - 8 * k));
      bytes[at + 4 + size_t(k)] = char(height >> (24 - 8 * k));
    }
    return bytes;
  };
  std::string png = bytes_of(kPictures / "rgb8.png");
  png = with_size(png, 16, 16000, 16000);
  png.replace(29, 4, "\xCE\x1C\x48\x89");  // the header's checksum
  CHECK(read_error(folder, "large.png", png) ==
        "large.png: 16000x16000 pixels, at most 16384 a side and 67108864 in all are read");
  std::string jpeg = bytes_of(kPictures / "rgb444.jpg");
  const size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\x7F\xFF\x7F\xFF");
  CHECK(read_error(folder, "large.jpg", jpeg) ==
        "large.jpg: 32767x32767 pixels, at most 16384 a side and 67108864 in all are read");
}
