// What encode_png writes, read back by read_image and read_png_text.
#include <fstream>

#include "catch.h"
#include "io/image.h"
#include "io/png_chunk.h"
#include "io/temp_folder.h"

using namespace seedstory;

namespace {

Image gradient(int width, int height) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int i = 0; i < width * height * 3; ++i) image.rgb.push_back(uint8_t(i * 7));
  return image;
}

std::string text_error(std::string keyword, std::string text) {
  return error_of(ErrorKind::failed, [&] { encode_png(gradient(1, 1), {{keyword, text}}); });
}

}  // namespace

TEST_CASE("A picture survives encode_png and read_image", "[io]") {
  const TempFolder folder;
  for (auto [width, height] : {std::pair{1, 1}, {37, 21}, {1024, 3}}) {
    const Image image = gradient(width, height);
    const Image again = read_image(folder.file("picture.png", encode_png(image)));
    CHECK(again.width == width);
    CHECK(again.height == height);
    CHECK(again.rgb == image.rgb);
  }
}

TEST_CASE("Texts survive encode_png and read_png_text", "[io]") {
  const TempFolder folder;
  const PngText text = {{"parameters", "seed 42, steps 50"},
                        {"Title", "h\u00e9llo w\u00f6rld"},
                        {"Caption", "\u65e5\u672c\u8a9e \U0001f98a\nsecond line"},
                        {"empty", ""},
                        {"Title", "a keyword may come again"},
                        {"long", std::string(1000000, 'x')}};
  const std::string png = encode_png(gradient(4, 4), text);
  CHECK(read_png_text(folder.file("texts.png", png)) == text);
  CHECK(read_image(folder / "texts.png").rgb == gradient(4, 4).rgb);
  // tEXt where Latin-1 will do, else iTXt
  CHECK(png.find("tEXtTitle") != std::string::npos);
  CHECK(png.find("iTXtCaption") != std::string::npos);
}

TEST_CASE("The same picture and texts are the same bytes", "[io]") {
  const PngText text = {{"a", "1"}, {"b", "\u65e5"}};
  const std::string png = encode_png(gradient(64, 48), text);
  CHECK(png == encode_png(gradient(64, 48), text));
  CHECK(png.find("tIME") == std::string::npos);
}

TEST_CASE("encode_png says what it cannot write", "[io]") {
  CHECK(error_of(ErrorKind::failed, [] {
          encode_png({.width = 2, .height = 2, .rgb = {1, 2, 3}});
        }) == "encode_png: 2x2 pixels in 3 bytes");
  CHECK(error_of(ErrorKind::failed, [] { encode_png({}); }) == "encode_png: 0x0 pixels in 0 bytes");
  for (std::string keyword : {"", " a", "a ", "a  b", "h\u00e9", "a\nb"})
    CHECK(text_error(keyword, "x") == "encode_png: \"" + keyword + "\" cannot be a text's keyword");
  CHECK(text_error(std::string(80, 'k'), "x").ends_with("cannot be a text's keyword"));
  CHECK(text_error("k", std::string("a\0b", 3)) == "encode_png: the text of k has a zero byte");
  for (std::string text : {"\xFF", "\xC0\x80", "\xE2\x82", "\x80", "\xC3"})
    CHECK(text_error("k", text) == "encode_png: a text is not UTF-8");
}

TEST_CASE("read_png_text limits what it reads", "[io]") {
  const TempFolder folder;
  const auto error = [&](std::string_view bytes) {
    const auto path = folder.file("bad.png", bytes);
    return folder.shorten(error_of(ErrorKind::input, [&] { read_png_text(path); }));
  };
  CHECK(error("\xFF\xD8\xFF") == "bad.png: not a PNG file");
  const std::string png = encode_png(gradient(4, 4), {{"a", "b"}});
  for (size_t length = 8; length < png.size(); ++length)
    CHECK_THAT(error(png.substr(0, length)), Catch::StartsWith("bad.png: broken PNG: ends in the middle (truncated?)"));
  CHECK(error(png.substr(0, png.size() - 2)) ==
        "bad.png: broken PNG: ends in the middle (truncated?): 2 bytes of a chunk are missing");
  const auto with_text = [&](size_t length) {
    std::string bytes = png;
    bytes.insert(33, png_chunk("tEXt", std::string("k\0", 2) + std::string(length, 'x')));  // behind the header
    return read_png_text(folder.file("long.png", bytes));
  };
  CHECK(with_text(1000).size() == 2);
  CHECK(with_text(1 << 20).size() == 2);
  CHECK(with_text((1 << 20) + 1) == PngText{{"a", "b"}});
}
