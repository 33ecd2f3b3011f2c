#include "story/page.h"

#include <fmt/format.h>

#include <cstdint>

namespace seedstory {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? uint8_t(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
  }
  return out;
}

// Paper and ink by day, a bedside lamp by night. The pictures are small and are shown larger than they are.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #faf5ea; --ink: #33291f; --soft: #6f6252; --edge: #e6dbc6; }
@media (prefers-color-scheme: dark) { :root { --paper: #1d1a16; --ink: #efe6d6; --soft: #b0a38f; --edge: #3a332a; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1.25rem/1.6 Georgia, "Iowan Old Style", "Palatino Linotype", "Noto Serif", serif; }
header, main, footer { max-width: 34rem; margin: 0 auto; }
h1 { margin: 1rem 0 2.5rem; font-size: 1.7rem; line-height: 1.3; font-weight: normal; font-style: italic;
  text-align: center; text-wrap: balance; overflow-wrap: anywhere; white-space: pre-line; }
figure { margin: 0 0 3.5rem; break-inside: avoid; }
img { display: block; width: 100%; height: auto; border-radius: 0.9rem; border: 1px solid var(--edge); }
figcaption { margin: 1.1rem 0.3rem 0; overflow-wrap: anywhere; white-space: pre-line; }
figure:first-of-type figcaption::first-letter { font-size: 2.6em; line-height: 1; float: left; padding: 0.06em 0.1em 0 0; }
footer { border-top: 1px solid var(--edge); padding-top: 1rem; color: var(--soft); font-size: 0.85rem; text-align: center; }
@media (max-width: 30rem) { body { padding: 1rem 0.8rem 3rem; font-size: 1.15rem; } h1 { font-size: 1.4rem; } }
)css";

}  // namespace

std::string story_page(std::string_view title, std::string_view colophon, const std::vector<Page>& pages) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<header><h1>{0}</h1></header>\n<main>\n",
      escape(title), kStyle);
  for (const Page& page : pages)
    html += fmt::format(
        "<figure>\n<img src=\"data:image/png;base64,{}\" alt=\"{}\">\n<figcaption>{}</figcaption>\n</figure>\n",
        base64(page.png), escape(page.text), escape(page.text));
  return html + fmt::format("</main>\n<footer>{}</footer>\n</body>\n</html>\n", escape(colophon));
}

}  // namespace seedstory
