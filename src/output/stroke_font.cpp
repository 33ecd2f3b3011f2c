// A pen that draws letters: our own, so that a sheet needs no font on the machine it is made on, and its bytes are the
// same everywhere. ASCII, Latin-1's letters, and the quotes and dashes of print; any other character is a box, because
// the world's scripts want a real font and a shaper, which a contact sheet does not justify. The page has them all.
#include "output/stroke_font.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace seedstory {
namespace {

// A glyph is strokes; a stroke is points of two characters each. The first is x in half units, base 36; the second y in
// units from 0, the top of capitals, over 2, the top of small letters, to 7, the baseline, and 9. A ~ makes the points
// a quadratic B-spline from the first to the last: ~408087070040 is an O. One point is a dot.
constexpr std::array<const char*, 95> kAscii = {
    "",                                  // space
    "0005 07",                           // !
    "0002 3032",                         // "
    "3017 7057 0282 0585",               // #
    "~8160000384872706 4048",            // $
    "8007 ~102022020010 ~758587676575",  // %
    "~870200505204075784",               // &
    "0002",                              // '
    "~30020638",                         // (
    "~00323608",                         // )
    "3034 0163 0361",                    // *
    "4246 0484",                         // +
    "1708",                              // ,
    "0454",                              // -
    "07",                                // .
    "6007",                              // /
    "~306067070030",                     // 0
    "113037",                            // 1
    "~0100606307 0767",                  // 2
    "~0100606323 ~2363670706",           // 3
    "500565 5057",                       // 4
    "600003 ~034363670706",              // 5
    "~50010767630305",                   // 6
    "006027",                            // 7
    "~306063030030 ~336367070333",       // 8
    "~17666000046462",                   // 9
    "03 07",                             // :
    "13 1708",                           // ;
    "620466",                            // <
    "0373 0575",                         // =
    "026406",                            // >
    "~010060633335 37",                  // ?
    "~97070000a0a575 ~737232357573",     // @
    "074087 2565",                       // A
    "0007 ~004070734303 ~034383874707",  // B
    "~816000076786",                     // C
    "0007 ~004080874707",                // D
    "70000777 0363",                     // E
    "700007 0363",                       // F
    "~816000078784 8454",                // G
    "0007 8087 0383",                    // H
    "0007",                              // I
    "~6064670706",                       // J
    "0007 8004 2387",                    // K
    "000777",                            // L
    "070054a0a7",                        // M
    "07008780",                          // N
    "~408087070040",                     // O
    "0007 ~004080844404",                // P
    "~408087070040 5588",                // Q
    "0007 ~004080844404 4487",           // R
    "~8160000384872706",                 // S
    "0080 4047",                         // T
    "~000407878480",                     // U
    "004780",                            // V
    "00376197c0",                        // W
    "0087 8007",                         // X
    "004380 4347",                       // Y
    "00800787",                          // Z
    "30000838",                          // [
    "0067",                              // backslash
    "00303808",                          // ]
    "023062",                            // ^
    "0868",                              // _
    "0021",                              // `
    "~747202077775 7277",                // a
    "0007 ~040272770705",                // b
    "~735202075776",                     // c
    "7077 ~747202077775",                // d
    "0474 ~747202075776",                // e
    "~602023 2327 0252",                 // f
    "~747202077775 ~7277790908",         // g
    "0007 ~0402727577",                  // h
    "0207 00",                           // i
    "~32363909 30",                      // j
    "0007 7205 3477",                    // k
    "~000727",                           // l
    "0207 ~0402525457 ~5452a2a4a7",      // m
    "0207 ~0402727577",                  // n
    "~428287070242",                     // o
    "0209 ~040272770705",                // p
    "7279 ~747202077775",                // q
    "0207 ~040252",                      // r
    "~6352020475771706",                 // s
    "~20252767 0252",                    // t
    "~0205077775 7277",                  // u
    "024782",                            // v
    "02375277a2",                        // w
    "0277 7207",                         // x
    "0247 8229",                         // y
    "02720777",                          // z
    "~40202404 ~04242848",               // {
    "0008",                              // |
    "~00202444 ~44242808",               // }
    "~04235574",                         // ~
};
constexpr const char* kBox = "0080870700";

// U+00C0 to U+00FF: the letter below and the mark above it; a blank letter has a drawing of its own, or a box.
constexpr std::string_view kLetters = "AAAAAA CEEEEIIII NOOOOO  UUUUY  aaaaaa ceeeeiiii nooooo  uuuuy y";
constexpr std::string_view kMarks = "`'^~:o ,`'^:`'^: ~`'^~:  `'^:'  `'^~:o ,`'^:`'^: ~`'^~:  `'^:' :";

struct Drawing {
  uint32_t code;
  const char* strokes;
};
constexpr Drawing kOthers[] = {
    {0xa1, "02 0409"},
    {0xab, "330537 734577"},
    {0xb0, "~102022020010"},
    {0xbb, "033507 437547"},
    {0xc6, "0760c0 6067c7 34b4"},
    {0xd0, "0007 ~004080874707 0343"},
    {0xd7, "1256 5216"},
    {0xd8, "~408087070040 8007"},
    {0xde, "0007 ~024282854505"},
    {0xdf, "~0700606333 ~3373772727"},
    {0xe6, "~747202077775 7277 74e4 ~e4e27277c7e6"},
    {0xf7, "0484 42 46"},
    {0xf8, "~428287070242 8207"},
    {0xfe, "0009 ~040272770705"},
    {0x2013, "0484"},
    {0x2014, "04c4"},
    {0x2018, "0002"},
    {0x2019, "0002"},
    {0x201c, "0002 3032"},
    {0x201d, "0002 3032"},
    {0x2026, "07 47 87"},
};

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;  // straight from point to point
using Glyph = std::vector<Stroke>;  // units; y from the baseline, downwards

constexpr int kBaseline = 7;

int digit(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

Point middle(Point a, Point b) {
  return {(a.x + b.x) / 2, (a.y + b.y) / 2};
}

Stroke smooth(const Stroke& points) {
  constexpr int kParts = 6;  // of one arc: no corner shows at the sizes of a sheet
  Stroke out = {points[0]};
  for (size_t i = 1; i + 1 < points.size(); ++i) {
    const Point from = out.back(), by = points[i];
    const Point to = i + 2 == points.size() ? points[i + 1] : middle(by, points[i + 1]);
    for (int k = 1; k <= kParts; ++k) {
      const double t = double(k) / kParts, u = 1 - t;
      out.push_back(
          {u * u * from.x + 2 * u * t * by.x + t * t * to.x, u * u * from.y + 2 * u * t * by.y + t * t * to.y});
    }
  }
  return out;
}

void add_strokes(Glyph& glyph, std::string_view text, Point move) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const bool curved = word.starts_with('~');
    Stroke points;
    for (size_t i = curved; i + 1 < word.size(); i += 2)
      points.push_back({digit(word[i]) / 2.0 + move.x, digit(word[i + 1]) - kBaseline + move.y});
    glyph.push_back(curved ? smooth(points) : points);
  }
}

double width(const Glyph& glyph) {
  double most = 0;
  for (const Stroke& stroke : glyph)
    for (const Point& p : stroke) most = std::max(most, p.x);
  return most;
}

const char* mark_strokes(char mark) {
  switch (mark) {
    case '`':
      return "0031";
    case '\'':
      return "0130";
    case '^':
      return "012041";
    case '~':
      return "~01103140";
    case ':':
      return "00 40";
    case 'o':
      return "~203031111020";
    default:
      return "2719";  // a cedilla
  }
}

Glyph marked(char letter, char mark) {
  constexpr double kHalfMark = 1, kCapital = -2.2;
  Glyph glyph;
  const char* strokes = letter == 'i' ? "0207" : kAscii[size_t(letter - ' ')];
  add_strokes(glyph, strokes, {0, 0});
  const double half = width(glyph) / 2, move = std::max(0.0, kHalfMark - half);
  glyph.clear();
  add_strokes(glyph, strokes, {move, 0});
  const bool above = mark != ',', capital = letter < 'a';
  add_strokes(glyph, mark_strokes(mark), {half + move - kHalfMark, above && capital ? kCapital : 0});
  return glyph;
}

const Drawing* drawing_of(uint32_t code) {
  const auto* other = std::find_if(std::begin(kOthers), std::end(kOthers), [&](auto& d) { return d.code == code; });
  return other == std::end(kOthers) ? nullptr : other;
}

bool is_marked(uint32_t code) {
  return code >= 0xc0 && code <= 0xff && kLetters[code - 0xc0] != ' ';
}

Glyph glyph_of(uint32_t code) {
  Glyph glyph;
  if (code >= ' ' && code < 0x7f) {
    add_strokes(glyph, kAscii[code - ' '], {0, 0});
    return glyph;
  }
  if (code == 0xa0) return glyph;
  if (is_marked(code)) return marked(kLetters[code - 0xc0], kMarks[code - 0xc0]);
  const Drawing* other = drawing_of(code);
  add_strokes(glyph, other ? other->strokes : kBox, {0, 0});
  return glyph;
}

// Takes the first character off the text. What is not UTF-8 is one box a byte.
uint32_t take_character(std::string_view& text) {
  const auto byte = [&](size_t i) { return uint32_t(uint8_t(text[i])); };
  const size_t length = byte(0) < 0xc0 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size() || (byte(i) & 0xc0) != 0x80) {
      text.remove_prefix(1);
      return 0xfffd;
    }
    code = code << 6 | (byte(i) & 0x3f);
  }
  text.remove_prefix(length);
  return code;
}

double advance(const Glyph& glyph) {
  constexpr double kSpace = 2.6, kBetween = 1.7;
  return glyph.empty() ? kSpace : width(glyph) + kBetween;
}

double distance(double x, double y, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length == 0 ? 0 : std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length, 0.0, 1.0);
  const double ex = x - a.x - t * dx, ey = y - a.y - t * dy;
  return std::sqrt(ex * ex + ey * ey);
}

double distance(double x, double y, const Glyph& glyph) {
  double least = 1e9;
  for (const Stroke& stroke : glyph)
    for (size_t i = 0; i < stroke.size(); ++i)
      least = std::min(least, distance(x, y, stroke[i ? i - 1 : 0], stroke[i]));
  return least;
}

// A pixel is as dark as the pen covers it: all where it lies half a pixel inside the edge, nothing half a pixel
// outside.
void draw(Image& image, double x, double y, double unit, const Glyph& glyph) {
  constexpr double kPen = 0.47;  // half its width, in units
  constexpr int kAbove = 11, kBelow = 4;
  const int left = std::max(0, int(x - unit)), right = std::min(image.width, int(x + (width(glyph) + 1) * unit) + 1);
  const int top = std::max(0, int(y - kAbove * unit)), bottom = std::min(image.height, int(y + kBelow * unit));
  for (int row = top; row < bottom; ++row)
    for (int column = left; column < right; ++column) {
      const double away = distance((column + 0.5 - x) / unit, (row + 0.5 - y) / unit, glyph) * unit;
      const double cover = std::clamp(kPen * unit + 0.5 - away, 0.0, 1.0);
      uint8_t* const pixel = &image.rgb[(size_t(row) * size_t(image.width) + size_t(column)) * 3];
      for (int c = 0; c < 3; ++c) pixel[c] = uint8_t(pixel[c] * (1 - cover) + 0.5);
    }
}

}  // namespace

bool has_letter(uint32_t code) {
  return (code >= ' ' && code < 0x7f) || code == 0xa0 || is_marked(code) || drawing_of(code);
}

double text_width(std::string_view text) {
  double sum = 0;
  while (!text.empty()) sum += advance(glyph_of(take_character(text)));
  return sum;
}

void draw_text(Image& image, double x, double y, double unit, std::string_view text) {
  while (!text.empty()) {
    const Glyph glyph = glyph_of(take_character(text));
    if (!glyph.empty()) draw(image, x, y, unit, glyph);
    x += advance(glyph) * unit;
  }
}

}  // namespace seedstory
