// Lays frames and their texts out on one picture.
#include "output/contact_sheet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "output/stroke_font.h"
#include "text/normal_text.h"
#include "text/utf8.h"

namespace seedstory {
namespace {

// Pixels, where the whole fits into kMostPixels; everything shrinks where it does not.
constexpr double kPicture = 320, kGap = 28, kMargin = 36, kUnit = 1.75, kLine = 13 * kUnit, kAboveText = 12;
constexpr size_t kMostLines = 7;
constexpr double kMostPixels = 64 << 20, kMostSide = 16384;
constexpr uint8_t kPaper[] = {253, 248, 236};

// From as square as can be to twice as wide: what leaves the fewest places empty.
size_t columns_for(size_t frames) {
  size_t square = 1;
  while (square * square < frames) ++square;
  size_t best = square;
  const auto empty = [&](size_t columns) { return (frames + columns - 1) / columns * columns - frames; };
  for (size_t columns = square; columns <= 2 * square && columns <= frames; ++columns)
    if (empty(columns) < empty(best)) best = columns;
  return best;
}

// Lines that fit under a picture. What a word lacks room for is cut off the paper; a text that is too long ends in
// "...".
struct Lines {
  std::vector<std::string> texts = {""};
  bool cut = false;
};

Lines wrap(const std::string& text) {
  const double room = kPicture / kUnit, space = text_width(" ");
  Lines wrapped;
  std::vector<std::string>& lines = wrapped.texts;
  double used = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    std::string word = text.substr(begin, std::min<size_t>(end - begin, 200));
    const bool is_long = end - begin > word.size();
    begin = end + 1;
    if (word.empty()) continue;
    double width = text_width(word);
    wrapped.cut |= is_long || width > room;
    for (; width > room; width = text_width(word)) {
      while (word.size() > 1 && (uint8_t(word.back()) & 0xc0) == 0x80) word.pop_back();
      word.pop_back();
    }
    if (used > 0 && used + space + width > room) {
      if (lines.size() == kMostLines) {
        lines.back() += "...";
        wrapped.cut = true;
        return wrapped;
      }
      lines.emplace_back();
      used = 0;
    }
    if (used > 0) lines.back() += " ";
    used += (used > 0 ? space : 0) + width;
    lines.back() += word;
  }
  return wrapped;
}

// Letters that are boxes, in order of appearance, once each.
std::vector<std::string> boxes(const std::string& text) {
  std::vector<std::string> out;
  std::set<uint32_t> seen;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Character c = first_character(rest);
    const size_t length = std::max<size_t>(c.length, 1);
    const bool is_space = std::string_view(" \t\r\n").find(rest[0]) != std::string_view::npos;
    if (!is_space && (c.length == 0 || !has_letter(c.code)) && seen.insert(c.code).second)
      out.emplace_back(c.length ? rest.substr(0, length) : "\ufffd");
    rest.remove_prefix(length);
  }
  return out;
}

// "the sheet has no letters for A, B and 3 more, and cuts 2 of 10 captions".
std::string in_words(const std::vector<std::string>& letters, size_t captions, size_t cut, size_t of) {
  constexpr size_t kMost = 8;
  std::vector<std::string> said;
  if (!letters.empty()) {
    const std::vector<std::string> first(letters.begin(), letters.begin() + std::min(letters.size(), kMost));
    const size_t more = letters.size() - first.size();
    said.push_back(fmt::format("has no letters for {}{} ({} of {} captions)", fmt::join(first, " "),
                               more ? fmt::format(" and {} more", more) : "", captions, of));
  }
  if (cut) said.push_back(fmt::format("cuts {} of {} captions", cut, of));
  return said.empty() ? "" : fmt::format("the sheet {}; the page has them whole", fmt::join(said, ", and "));
}

void paste(Image& onto, const Image& picture, int x, int y) {
  for (int row = 0; row < std::min(picture.height, onto.height - y); ++row) {
    const int columns = std::min(picture.width, onto.width - x);
    std::copy_n(&picture.rgb[size_t(row) * size_t(picture.width) * 3], size_t(columns) * 3,
                &onto.rgb[(size_t(y + row) * size_t(onto.width) + size_t(x)) * 3]);
  }
}

// The picture in a square of `side` pixels, centred.
void paste_fitted(Image& onto, const Image& picture, double x, double y, double side) {
  const double scale = side / std::max(picture.width, picture.height);
  const int width = std::max(1, int(picture.width * scale)), height = std::max(1, int(picture.height * scale));
  paste(onto, resize_bilinear(picture, width, height), int(x + (side - width) / 2), int(y + (side - height) / 2));
}

}  // namespace

Sheet contact_sheet(const std::vector<SheetFrame>& frames) {
  const size_t columns = columns_for(frames.size()), rows = (frames.size() + columns - 1) / columns;
  std::vector<std::vector<std::string>> texts;
  texts.reserve(frames.size());
  size_t boxed = 0, cut = 0;
  std::vector<std::string> lacking;
  for (const SheetFrame& frame : frames) {
    const std::string text = in_letters_of(frame.text, has_letter);
    Lines lines = wrap(text);
    texts.push_back(std::move(lines.texts));
    cut += lines.cut;
    const std::vector<std::string> letters = boxes(text);
    boxed += !letters.empty();
    for (const std::string& letter : letters)
      if (std::find(lacking.begin(), lacking.end(), letter) == lacking.end()) lacking.push_back(letter);
  }
  std::vector<double> tops = {kMargin};
  for (size_t row = 0; row < rows; ++row) {
    size_t lines = 0;
    for (size_t i = row * columns; i < std::min(frames.size(), (row + 1) * columns); ++i)
      lines = std::max(lines, texts[i].size());
    tops.push_back(tops.back() + kPicture + kAboveText + double(lines) * kLine + kGap);
  }
  const double width = 2 * kMargin + double(columns) * (kPicture + kGap) - kGap, height = tops.back() - kGap + kMargin;
  const double s = std::min({1.0, std::sqrt(kMostPixels / (width * height)), kMostSide / width, kMostSide / height});

  Image sheet{.width = int(width * s), .height = int(height * s), .rgb = {}};
  for (int64_t i = 0; i < int64_t(sheet.width) * sheet.height; ++i)
    sheet.rgb.insert(sheet.rgb.end(), std::begin(kPaper), std::end(kPaper));
  for (size_t i = 0; i < frames.size(); ++i) {
    const double x = kMargin + double(i % columns) * (kPicture + kGap), y = tops[i / columns];
    paste_fitted(sheet, frames[i].picture, x * s, y * s, kPicture * s);
    for (size_t line = 0; line < texts[i].size(); ++line)
      draw_text(sheet, x * s, (y + kPicture + kAboveText + (double(line) + 0.75) * kLine) * s, kUnit * s,
                texts[i][line]);
  }
  return {.image = std::move(sheet), .lacks = in_words(lacking, boxed, cut, frames.size())};
}

}  // namespace seedstory
