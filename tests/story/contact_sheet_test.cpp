// All frames of a story on one picture, with letters of our own.
#include "output/contact_sheet.h"

#include <algorithm>

#include "catch.h"
#include "output/stroke_font.h"

using namespace seedstory;

namespace {

Image plain(int width, int height, uint8_t value) {
  return {.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t(width) * size_t(height) * 3, value)};
}

// Whether a pixel of the rectangle is much darker than paper.
int dark(const Image& image, int left, int top, int right, int bottom) {
  int count = 0;
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) count += image.rgb[(size_t(y) * size_t(image.width) + size_t(x)) * 3 + 1] < 100;
  return count;
}

}  // namespace

TEST_CASE("Letters stand on their line, and each is its own") {
  std::vector<std::vector<uint8_t>> seen;
  for (char c = '!'; c <= '~'; ++c) {
    Image image = plain(40, 60, 255);
    draw_text(image, 5, 40, 3, std::string(1, c));
    INFO(c);
    CHECK(dark(image, 0, 0, 40, 60) > 0);
    CHECK(dark(image, 0, 0, 40, 17) == 0);   // capitals are 7 units high, and the pen half a unit wide
    CHECK(dark(image, 0, 49, 40, 60) == 0);  // and nothing goes deeper than 2
    CHECK(std::find(seen.begin(), seen.end(), image.rgb) == seen.end());
    seen.push_back(image.rgb);
  }
}

TEST_CASE("An accent makes another letter, print's quotes are plain ones, other scripts and broken bytes are boxes") {
  const auto drawn = [](const std::string& text) {
    Image image = plain(120, 60, 255);
    draw_text(image, 5, 40, 3, text);
    return image.rgb;
  };
  CHECK(drawn("\u00e9") != drawn("e"));
  CHECK(drawn("\u00e9") != drawn("\u00e8"));
  CHECK(drawn("\u00c9") != drawn("E"));
  CHECK(drawn("\u201ca\u201d") == drawn("\"a\""));
  CHECK(drawn("\u72d0") == drawn("\U0001f98a"));
  CHECK(drawn("\xff\xc3") == drawn("\u72d0\u72d0"));
  CHECK(text_width("ab") == Approx(text_width("a") + text_width("b")));
}

TEST_CASE("Text outside the picture is left out") {
  Image image = plain(20, 20, 255);
  for (const double at : {-1000.0, -5.0, 15.0, 1000.0}) draw_text(image, at, at, 3, "Hello \u72d0");
  CHECK(image.rgb.size() == 20 * 20 * 3);
}

TEST_CASE("A sheet has its pictures in a grid with the texts below") {
  const std::vector<SheetFrame> frames(10, {.text = "A fox", .picture = plain(64, 64, 7)});
  const Image sheet = contact_sheet(frames).image;
  CHECK(sheet.width == 2 * 36 + 5 * 320 + 4 * 28);
  CHECK(dark(sheet, 36, 36, 36 + 320, 36 + 320) == 320 * 320);
  CHECK(dark(sheet, 36, 36 + 320 + 2, 36 + 320, 36 + 320 + 40) > 50);  // "A fox"
  CHECK(dark(sheet, 0, 0, 34, sheet.height) == 0);                     // the pen is a little wider than its line
  CHECK(sheet.rgb == contact_sheet(frames).image.rgb);
}

TEST_CASE("A sheet of wide pictures, of long texts, and of very many frames") {
  const Image wide = contact_sheet({{.text = "", .picture = plain(64, 16, 7)}}).image;
  CHECK(dark(wide, 36, 36, 356, 356) == 320 * 80);
  const std::string text = std::string(1 << 20, 'a') + " word" + std::string(1 << 20, '\n') + "\u72d0";
  const Image full = contact_sheet({{.text = text, .picture = plain(8, 8, 7)}}).image;
  CHECK(full.height < 700);
  const Image many = contact_sheet(std::vector<SheetFrame>(3000, {.text = "a", .picture = plain(8, 8, 7)})).image;
  CHECK(int64_t(many.width) * many.height <= 64 << 20);
  CHECK(std::max(many.width, many.height) <= 16384);
}

TEST_CASE("A sheet draws letters without the marks that it lacks, and says which letters and captions it lacks") {
  const auto sheet = [](std::initializer_list<std::string> texts) {
    std::vector<SheetFrame> frames;
    for (const std::string& text : texts) frames.push_back({.text = text, .picture = plain(8, 8, 7)});
    return contact_sheet(frames);
  };
  CHECK(sheet({"A caf\u00e9 \u2014 \u201cyes\u201d\n\tno"}).lacks.empty());
  // A base letter is drawn, however it is composed; a ligature is its letters.
  CHECK(sheet({"\u0158\u00ed\u010dka \ufb01"}).image.rgb == sheet({"R\u00ed\u0063ka fi"}).image.rgb);
  CHECK(sheet({"R\u030ci\u0301c\u030cka"}).image.rgb == sheet({"R\u00edcka"}).image.rgb);
  CHECK(sheet({"\u0158eka e\u0301"}).lacks.empty());
  CHECK(sheet({"\u72d0\u72d0 a", "fox", "\u72d0\u0141"}).lacks ==
        "the sheet has no letters for \u72d0 \u0141 (2 of 3 captions); the page has them whole");
  std::string many;
  for (int i = 0; i < 10; ++i) many += std::string("\xd0") + char(0xb0 + i);  // Cyrillic
  CHECK_THAT(sheet({many}).lacks, Catch::Contains("\u0437 and 2 more (1 of 1 captions)"));
  std::string lines;
  for (int i = 0; i < 80; ++i) lines += "word ";
  CHECK(sheet({lines, "fox"}).lacks == "the sheet cuts 1 of 2 captions; the page has them whole");
  CHECK(sheet({std::string(300, 'w')}).lacks == "the sheet cuts 1 of 1 captions; the page has them whole");
  CHECK(sheet({lines + "\u72d0", "\u72d0"}).lacks ==
        "the sheet has no letters for \u72d0 (2 of 2 captions), and cuts 1 of 2 captions; the page has them whole");
}
