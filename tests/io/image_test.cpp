// Pictures that are resized; Pillow made the values.
#include "io/image.h"

#include <cmath>
#include <fstream>

#include "catch.h"
#include "golden.h"
#include "io/jpeg.h"
#include "io/picture_bytes.h"
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

Picture picture_of(const std::string& bytes, Pixels pixels = Pixels::shown) {
  return read_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "x", pixels);
}

// A pixel a letter, and back: "2x1 ab".
Image letters(int width, int height, const std::string& text) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (const char c : text) image.rgb.insert(image.rgb.end(), {uint8_t(c), 10, uint8_t(255 - c)});
  return image;
}
std::string described(const Image& image) {
  std::string text = std::to_string(image.width) + "x" + std::to_string(image.height) + " ";
  for (size_t i = 0; i < image.rgb.size(); i += 3) text += char(image.rgb[i]);
  return text;
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

TEST_CASE("Pixels as stored equal Pillow's convert(RGB)", "[io]") {
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
    const Image got = picture_of(bytes_of(kPictures / name), Pixels::stored).image;
    CHECK(largest_difference(got, image_of(expected->find(name)->values)) <= limit);
  }
}

TEST_CASE("read_image refuses what is no picture", "[io]") {
  const TempFolder folder;
  CHECK(read_error(folder, "notes.txt", "hello") ==
        "notes.txt: no picture of a kind that is read; expected PNG, JPEG or WebP");
  CHECK(read_error(folder, "empty.png", "") == "empty.png: an empty file, not a picture");
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] { read_image(folder / "absent.png"); })) ==
        "absent.png: no such file");
  CHECK(error_of(ErrorKind::input, [] { read_image(kPictures); }) ==
        kPictures.string() + ": is a folder, expected a file");
  CHECK(error_of(ErrorKind::input, [] { read_image("/dev/null"); }) ==
        "/dev/null: is a device, expected a regular file");
}

TEST_CASE("What is not read is named as what it is, with the line that converts it", "[io]") {
  using namespace std::string_literals;
  const TempFolder folder;
  const std::string box = "\0\0\0\x18"s, jpeg = bytes_of(kPictures / "rgb444.jpg");
  const auto with_frame = [&](char mark, char bits = 8) {
    std::string changed = jpeg;
    const size_t at = changed.find("\xFF\xC0");
    changed[at + 1] = mark;
    changed[at + 4] = bits;
    return changed;
  };
  struct {
    std::string bytes, name, line;
  } cases[] = {
      {bytes_of(kPictures / "cmyk.jpg"), "a CMYK JPEG", "convert IN -auto-orient -colorspace sRGB OUT.png"},
      {with_segment(bytes_of(kPictures / "cmyk.jpg"), 0xEE, "Adobe\0\x64\0\0\0\0\x02"s), "CMYK", "convert IN "},
      {with_frame('\xC9'), "an arithmetic-coded JPEG", "convert IN -auto-orient OUT.png"},
      {with_frame('\xCA'), "an arithmetic-coded JPEG", "convert IN -auto-orient OUT.png"},
      {with_frame('\xC3'), "a lossless JPEG", "ffmpeg -i IN OUT.png"},
      {with_frame('\xF7'), "a JPEG-LS picture", "ffmpeg -i IN OUT.png"},
      {with_frame('\xC5'), "a hierarchical JPEG", "save it as PNG"},
      {with_frame('\xC1', 12), "a JPEG of 12 bits a value", "convert IN -depth 8 OUT.png"},
      {"GIF89a\1\0\1\0"s, "a GIF", "convert 'IN[0]' -auto-orient OUT.png"},
      {box + "ftypheic", "a HEIC picture", "heif-convert IN OUT.png"},
      {box + "ftypmif1", "a HEIF picture", "heif-convert IN OUT.png"},
      {box + "ftypavif", "an AVIF picture", "heif-convert IN OUT.png"},
      {box + "ftypisom", "a film (MP4)", "ffmpeg -i IN -frames:v 1 OUT.png"},
      {"II*\0\x08\0\0\0"s, "a TIFF", "convert 'IN[0]' -auto-orient OUT.png"},
      {"MM\0*\0\0\0\x08"s, "a TIFF", "convert 'IN[0]' -auto-orient OUT.png"},
      {"BM\x46\0\0\0\0\0\0\0\x36"s, "a BMP", "convert IN -auto-orient OUT.png"},
      {"\0\0\0\x0CJXL \r\n\x87\n"s, "a JPEG XL picture", "djxl IN OUT.png"},
      {"\xFF\x0A\x10\0"s, "a JPEG XL picture", "djxl IN OUT.png"},
      {"\0\0\0\x0CjP  \r\n\x87\n"s, "a JPEG 2000 picture", "opj_decompress -i IN -o OUT.png"},
      {"\xFF\x4F\xFF\x51\0"s, "a JPEG 2000 picture", "opj_decompress -i IN -o OUT.png"},
      {"%PDF-1.7\n", "a PDF document", "pdftoppm -png -r 150 -singlefile IN OUT"},
      {"\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- x -->\n<svg/>", "an SVG drawing", "rsvg-convert IN -o OUT.png"},
      {"\n <!DOCTYPE HTML><title>404</title>", "an HTML page", "save the picture itself"},
      {"<html lang=en><svg></svg>", "an HTML page", "save the picture itself"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a git-lfs pointer", "`git lfs pull`"},
      {"P6\n2 2\n255\n", "a Netpbm picture", "convert IN -auto-orient OUT.png"},
      {"8BPS\0\1"s, "a Photoshop picture", "convert 'IN[0]'"},
      {webp_bytes(1, 1, {1, 2, 3, 4}, "", 0x02), "an animated WebP", "convert 'IN[0]' OUT.png"},
  };
  for (const auto& [bytes, name, line] : cases) {
    INFO(name);
    const std::string said = read_error(folder, "x.jpg", bytes);
    CHECK_THAT(said, Catch::StartsWith("x.jpg: ") && Catch::Contains(name) && Catch::Contains(line));
    CHECK(said.find('\n') == std::string::npos);
  }
}

TEST_CASE("A picture is turned as its EXIF data says: eight ways, three formats, two byte orders", "[io]") {
  // Of 2 x 3 pixels stored as "ab cd ef", by EXIF 2.3's table.
  const Image stored = letters(2, 3, "abcdef");
  const char* shown[] = {"2x3 abcdef", "2x3 badcfe", "2x3 fedcba", "2x3 efcdab",
                         "3x2 acebdf", "3x2 ecafdb", "3x2 fdbeca", "3x2 bdface"};
  std::vector<uint8_t> rgba;
  for (size_t i = 0; i < stored.rgb.size(); i += 3)
    rgba.insert(rgba.end(), {stored.rgb[i], stored.rgb[i + 1], stored.rgb[i + 2], 255});
  const std::string png = encode_png(stored), jpeg = bytes_of(kPictures / "rgb444.jpg");
  const Image plain = picture_of(jpeg).image;
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big_endian : {false, true}) {
      INFO(orientation << (big_endian ? " MM" : " II"));
      const std::string exif = exif_bytes(orientation, big_endian), expected = shown[orientation - 1];
      const Picture of_png = picture_of(with_chunk(png, "eXIf", exif));
      CHECK(described(of_png.image) == expected);
      CHECK(of_png.facts.orientation == orientation);
      CHECK(described(picture_of(webp_bytes(2, 3, rgba, exif)).image) == expected);
      CHECK(described(picture_of(webp_bytes(2, 3, rgba, std::string("Exif\0\0", 6) + exif)).image) == expected);
      CHECK(described(picture_of(with_chunk(png, "eXIf", exif), Pixels::stored).image) == "2x3 abcdef");

      const Picture of_jpeg = picture_of(jpeg_with_exif(jpeg, exif));
      CHECK(of_jpeg.facts.orientation == orientation);
      CHECK(of_jpeg.facts.width == plain.width);
      CHECK((of_jpeg.image.width == plain.height) == (orientation >= 5));
      CHECK(picture_of(jpeg_with_exif(jpeg, exif), Pixels::stored).image.rgb == plain.rgb);
    }
  // Behind the pixels as well.
  const std::string late = std::string(png).insert(png.size() - 12, png_chunk("eXIf", exif_bytes(6, true)));
  CHECK(described(picture_of(late).image) == shown[5]);
}

TEST_CASE("Broken EXIF data turns nothing", "[io]") {
  using namespace std::string_literals;
  const std::string png = encode_png(letters(2, 3, "abcdef"));
  const auto orientation = [&](const std::string& exif) {
    return picture_of(with_chunk(png, "eXIf", exif)).facts.orientation;
  };
  const std::string good = exif_bytes(6, false);
  REQUIRE(orientation(good) == 6);
  for (size_t length = 0; length < 19; ++length) CHECK(orientation(good.substr(0, length)) == 1);
  for (const int value : {0, 9, 255}) CHECK(orientation(exif_bytes(value, true)) == 1);
  CHECK(orientation("IM" + good.substr(2)) == 1);
  CHECK(orientation("II*\0\xFF\xFF\xFF\xFF"s + good.substr(8)) == 1);  // where the directory is
  CHECK(orientation("II*\0\x08\0\0\0\xFF\xFF"s) == 1);
  // As a number of 32 bits, and behind another entry.
  CHECK(orientation("MM\0*\0\0\0\x08\0\2\1\0\0\4\0\0\0\1\0\0\0\x05\1\x12\0\4\0\0\0\1\0\0\0\x08"s) == 8);
}

TEST_CASE("Transparent pixels go on white, whatever noise is under them", "[io]") {
  const auto pixel = [](const Image& image, size_t i) {
    return std::vector<int>{image.rgb[i * 3], image.rgb[i * 3 + 1], image.rgb[i * 3 + 2]};
  };
  const std::vector<uint8_t> rgba = {9, 200, 7, 0, 100, 50, 0, 255, 0, 100, 255, 51};
  const Picture webp = picture_of(webp_bytes(3, 1, rgba));
  CHECK(webp.facts.transparent);
  CHECK(pixel(webp.image, 0) == std::vector<int>{255, 255, 255});
  CHECK(pixel(webp.image, 1) == std::vector<int>{100, 50, 0});
  CHECK(pixel(webp.image, 2) == std::vector<int>{204, 224, 255});
  CHECK_FALSE(picture_of(webp_bytes(1, 1, {1, 2, 3, 255})).facts.transparent);

  // Over black the same files give what stored pixels are times their alpha; over white 255 - alpha is added.
  for (const char* name : {"rgba8.png", "rgba16.png", "grey_alpha8.png", "grey_alpha16.png", "grey8_key.png"}) {
    INFO(name);
    const Picture shown = picture_of(bytes_of(kPictures / name));
    CHECK(shown.facts.transparent);
    CHECK(shown.image.rgb != picture_of(bytes_of(kPictures / name), Pixels::stored).image.rgb);
  }
  CHECK_FALSE(picture_of(bytes_of(kPictures / "rgb8.png")).facts.transparent);

  // A palette that is transparent.
  const std::string palette = bytes_of(kPictures / "palette2.png");
  const std::string clear = png_chunk("tRNS", std::string(4, '\0'));
  const Picture keyed = picture_of(std::string(palette).insert(palette.find("IDAT") - 4, clear));
  CHECK(keyed.facts.transparent);
  CHECK(keyed.image.rgb == std::vector<uint8_t>(keyed.image.rgb.size(), 255));
}

TEST_CASE("A JPEG ends where its picture does, whatever follows and whatever lies in between", "[io]") {
  using namespace std::string_literals;
  for (const char* name : {"rgb444.jpg", "rgb420.jpg", "progressive.jpg"}) {
    INFO(name);
    const std::string whole = bytes_of(kPictures / name), body = whole.substr(0, whole.size() - 2), end = "\xFF\xD9";
    const Image plain = picture_of(whole).image;
    const std::string film = "\0\0\0\x18"s + "ftypmp42\xFF\xC4\0\x20\xFF\xDA\xFF\xC4"s + std::string(500, '\xFF');
    struct {
      std::string bytes, why;
    } cases[] = {
        {whole + film, "a motion photo"},
        {whole + bytes_of(kPictures / "grey.jpg"), "several pictures (MPO)"},
        {whole + std::string(3000, '\0'), "padding"},
        {body + "\xFF\xFF\xFF" + end, "fill bytes"},
        {body + "\0\0\0\0"s + end, "zeros"},
        {body + "\xFF\xD3" + end, "a stray restart mark"},
        {body + "\xFF\x01\xFF\xB2" + end, "stray marks without a meaning"},
        {body + "\xFF\xDC\0\4\0\1"s + end, "a height that comes late (DNL)"},
        {body + "\xFF\xFE\0\6note"s + end, "a comment"},
        {body, "no end mark"},
        {body + "\xFF", "half an end mark"},
        {body + bytes_of(kPictures / "grey.jpg"), "no end mark before the next picture"},
        {std::string(whole).insert(whole.find("\xFF\xDB"), "\0\0\xFF\xFF"s), "padding before a segment"},
    };
    for (const auto& [bytes, why] : cases) {
      INFO(why);
      const Picture picture = picture_of(bytes);
      CHECK(picture.image.width == plain.width);
      CHECK((picture.image.rgb == plain.rgb));
    }
  }
}

TEST_CASE("What a JPEG that was cut off lacks is named", "[io]") {
  const TempFolder folder;
  const std::string whole = bytes_of(kPictures / "rgb444.jpg"), progressive = bytes_of(kPictures / "progressive.jpg");
  const size_t scan = whole.find("\xFF\xDA"), middle = (scan + whole.size()) / 2;
  const auto error = [&](const std::string& bytes) { return read_error(folder, "x.jpg", bytes); };
  CHECK_THAT(error(whole.substr(0, middle)), Catch::StartsWith("x.jpg: broken JPEG: ends in the middle: rows from ") &&
                                                 Catch::Contains(" on are missing"));
  // A download whose room was made before its bytes came.
  CHECK_THAT(error(whole.substr(0, middle) + std::string(whole.size() - middle, '\0')),
             Catch::StartsWith("x.jpg: broken JPEG: ends in the middle"));
  CHECK(error(progressive.substr(0, progressive.rfind("\xFF\xDA"))) ==
        "x.jpg: broken JPEG: ends before its last scan (truncated?)");
  CHECK(error(whole.substr(0, scan)) == "x.jpg: broken JPEG: ends before its pixels (truncated?)");
  CHECK(error(whole.substr(0, whole.find("\xFF\xC0") + 6)) ==
        "x.jpg: broken JPEG: ends inside its segment 0xC0, before its pixels (truncated?)");
  const std::string webp = webp_bytes(9, 9, std::vector<uint8_t>(324, 77));
  CHECK(error(webp.substr(0, 30)) ==
        "x.jpg: broken WebP: 30 bytes, its head says " + std::to_string(webp.size()) + " (truncated?)");
}

TEST_CASE("WebP is read as the pixels that were written", "[io]") {
  std::vector<uint8_t> rgba;
  for (int i = 0; i < 5 * 3; ++i) rgba.insert(rgba.end(), {uint8_t(i * 17), uint8_t(255 - i), uint8_t(i), 255});
  const Picture picture = picture_of(webp_bytes(5, 3, rgba));
  CHECK(std::string(picture.facts.kind) == "WebP");
  REQUIRE(picture.image.rgb.size() == 45);
  for (size_t i = 0; i < 45; ++i) CHECK(picture.image.rgb[i] == rgba[i / 3 * 4 + i % 3]);
  uint8_t* lossy = nullptr;
  const size_t size = WebPEncodeRGBA(rgba.data(), 5, 3, 20, 90, &lossy);
  CHECK(picture_of({reinterpret_cast<const char*>(lossy), size}).image.width == 5);
  WebPFree(lossy);
}

TEST_CASE("encode_jpeg writes a JPEG of the picture", "[io]") {
  Image image{.width = 33, .height = 17, .rgb = {}};
  for (int i = 0; i < 33 * 17; ++i) image.rgb.insert(image.rgb.end(), {uint8_t(i / 3), 90, uint8_t(200 - i / 4)});
  const std::string bytes = encode_jpeg(image, 95);
  CHECK(largest_difference(picture_of(bytes).image, image) <= 16);
  CHECK(encode_jpeg(image, 95) == bytes);
  CHECK(encode_jpeg(image, 40).size() < bytes.size());
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
    for (size_t length = 4; length < whole.size() - 2; ++length)  // without its end mark it is whole
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
