#include "story/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/base64.h"

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

// Paper on a desk by day, by a lamp at night, on white in print. First the book that scrolls, which is what there is
// without script; .paged is the book whose pages turn. Pictures are enlarged smoothly: browsers do so unasked.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --desk: #e4d9c5; --paper: #fdf8ec; --ink: #33291f; --soft: #65584a; --cloth: #7b2d26;
  --gilt: #f6e3b4; --initial: #7b2d26; --shade: rgb(60 40 20 / 0.28); --fold: rgb(60 40 20 / 0.16); }
@media screen and (prefers-color-scheme: dark) { :root { --desk: #14110e; --paper: #28221b; --ink: #efe6d6;
  --soft: #b5a894; --cloth: #54201b; --gilt: #efdcb0; --initial: #efdcb0; --shade: rgb(0 0 0 / 0.6);
  --fold: rgb(0 0 0 / 0.4); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--desk); color: var(--ink); overflow-wrap: anywhere;
  font: 1.25rem/1.55 "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, "Noto Serif", serif; }
main { counter-reset: page; }
section { padding: 1rem; }
img { display: block; width: 100%; height: auto; }

.cover div { max-width: 34rem; margin: 0 auto; padding: 1.4rem; border-radius: 0.3rem 0.7rem 0.7rem 0.3rem;
  background: var(--cloth); color: var(--gilt); text-align: center; box-shadow: 0 0.5rem 1.6rem var(--shade); }
.cover div::before, .cover div::after { content: ""; display: block; border-top: 1px solid; opacity: 0.6; }
h1 { margin: 1.1rem 0; font-size: clamp(1.5rem, 1.1rem + 1.6vw, 2.3rem); line-height: 1.2; font-weight: normal;
  text-wrap: balance; }
.cover img { border: 3px solid var(--gilt); border-radius: 0.2rem; }
.cover p { margin: 1.1rem 0; font-size: 0.85rem; line-height: 1.4; font-style: italic; }

figure { max-width: 34rem; margin: 0 auto; background: var(--paper); border-radius: 0.5rem;
  box-shadow: 0 0.4rem 1.4rem var(--shade); counter-increment: page; }
figure img { border-radius: 0.5rem 0.5rem 0 0; }
figcaption { padding: 1.2rem 1.3rem 1rem; font-size: clamp(1.25rem, 1.1rem + 0.7vw, 1.65rem); }
figcaption p { margin: 0; white-space: pre-line; text-wrap: pretty; }
figcaption::after { content: counter(page); display: block; margin-top: 0.8rem; text-align: center; font-size: 1rem;
  color: var(--soft); }
section:nth-child(2) p:dir(ltr)::first-letter { font-size: 2.9em; line-height: 0.85; float: left;
  padding: 0.06em 0.09em 0 0; color: var(--initial); }

@media print, (min-width: 44rem) and (min-aspect-ratio: 1/1) {
  figure { display: grid; grid-template-columns: min(50%, max(12rem, 100vh - 7rem)) 1fr; max-width: 76rem; }
  figure img { position: sticky; top: 0; align-self: start; border-radius: 0.5rem 0 0 0.5rem; }
  figcaption { display: flex; flex-direction: column; padding: 1.5rem clamp(1.5rem, 4vw, 4rem) 1rem;
    border-radius: 0 0.5rem 0.5rem 0; background: linear-gradient(90deg, var(--fold), transparent 2.5rem); }
  figcaption p { margin: auto 0; } }

@media screen {
  .paged, .paged body { height: 100%; overflow: hidden; }
  .paged body { display: flex; flex-direction: column; }
  .paged main { flex: 1; min-height: 0; display: flex; overflow: auto hidden; scroll-snap-type: x mandatory;
    scrollbar-width: none; }
  .paged section { flex: 0 0 100%; display: flex; overflow: hidden auto; scroll-snap-align: start;
    scroll-snap-stop: always; }
  .paged figure { width: min(100%, max(18rem, 100vh - 17rem)); max-width: none; margin: auto; }
  .paged .cover div { width: min(100%, max(18rem, 100vh - 19rem)); margin: auto; } }
@media screen and (min-width: 44rem) and (min-aspect-ratio: 1/1) {
  .paged figure { width: min(100%, 76rem, max(52rem, 200vh - 14rem)); } }
@media screen and (prefers-reduced-motion: no-preference) { .paged main { scroll-behavior: smooth; } }

nav { display: flex; justify-content: center; align-items: center; gap: 0.6rem; padding: 0 1rem 0.5rem; }
nav output { min-width: 6.5rem; text-align: center; font-size: 1rem; color: var(--soft); }
button { width: 3rem; height: 3rem; border: 0; border-radius: 50%; background: none; color: inherit; cursor: pointer;
  font: 2.2rem/1 Georgia, serif; }
button:hover { background: var(--fold); }
button[aria-disabled=true] { opacity: 0.3; cursor: default; }
:focus-visible { outline: 3px solid var(--soft); outline-offset: -3px; }

@page { size: landscape; margin: 12mm; }
@media print {
  :root { --desk: #fff; --paper: #fff; --cloth: #fff; --gilt: #33291f; --initial: #33291f; --fold: transparent; }
  nav { display: none; }
  section { padding: 0; break-after: page; break-inside: avoid; }
  section:last-child { break-after: auto; }
  .cover div, figure { box-shadow: none; }
  figure { grid-template-columns: 1fr 1fr; }
  h1 { font-size: 1.6rem; }
  .cover img { width: 95mm; margin: 0 auto; } }
)css";

// Turns pages: swiping is the browser's own scrolling, here are keys and buttons.
constexpr const char* kScript = R"js(
document.documentElement.classList.add("paged");
addEventListener("DOMContentLoaded", () => {
  const book = document.querySelector("main"), last = book.children.length - 1;
  const nav = document.createElement("nav"), where = document.createElement("output");
  let page = 0, settled;
  const show = (to) => {
    page = Math.min(Math.max(to, 0), last);
    where.textContent = page ? page + " of " + last : "Cover";
    back.setAttribute("aria-disabled", page === 0);
    next.setAttribute("aria-disabled", page === last);
  };
  const turn = (to) => {
    show(to);
    book.scrollTo({left: page * book.clientWidth});
  };
  const button = (name, sign, step) => {
    const made = document.createElement("button");
    made.type = "button";
    made.title = name;
    made.setAttribute("aria-label", name);
    made.textContent = sign;
    made.addEventListener("click", () => turn(page + step));
    return made;
  };
  const back = button("Previous page", "\u2039", -1), next = button("Next page", "\u203a", 1);
  nav.setAttribute("aria-label", "Pages");
  nav.append(back, where, next);
  document.body.append(nav);
  show(0);
  // Browsers let Tab stop at what scrolls, also on pages that are not open.
  for (const section of book.children) section.tabIndex = -1;

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const to = {ArrowRight: page + 1, PageDown: page + 1, ArrowLeft: page - 1, PageUp: page - 1, Home: 0, End: last};
    const down = {ArrowDown: 60, ArrowUp: -60}[event.key];
    if (event.key in to) turn(to[event.key]);
    else if (down) book.children[page].scrollBy({top: down});
    else return;
    event.preventDefault();
  });
  // After a swipe the page is where the scrolling came to rest.
  book.addEventListener("scroll", () => {
    clearTimeout(settled);
    settled = setTimeout(() => show(Math.round(book.scrollLeft / book.clientWidth)), 120);
  });
});
)js";

// SHA-256 of the two, as a Content-Security-Policy wants it. tests/cli/page_test.cpp says the right ones.
constexpr const char* kStyleHash = "JJ2NIraDw7sjFFZn+eQR04Y6WwX2NG+w/1f9Tx75DfI=";
constexpr const char* kScriptHash = "jXJ1lRNxrZEKP6/vY2QHAeTKsR6gYImh9xzUWV/X8iI=";

}  // namespace

std::string story_page(std::string_view title, std::string_view colophon, const std::vector<Page>& pages) {
  const auto picture = [](const Page& page) {
    const char* type = page.picture.starts_with("\xFF\xD8") ? "jpeg" : "png";
    return fmt::format("<img src=\"data:image/{};base64,{}\" alt=\"{}\">", type, base64(page.picture),
                       escape(page.text));
  };
  // data:, as the icon keeps a browser from asking a server for one.
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n<style>{}</style>\n<script>{}</script>\n</head>\n<body>\n<main>\n",
      kStyleHash, kScriptHash, escape(title), kStyle, kScript);
  html += fmt::format("<section class=\"cover\"><div>\n<h1 dir=\"auto\">{}</h1>\n", escape(title));
  if (!pages.empty()) html += picture(pages[0]) + "\n";
  html += fmt::format("<p>{}</p>\n</div></section>\n", escape(colophon));
  for (const Page& page : pages)
    html += fmt::format("<section><figure>\n{}\n<figcaption><p dir=\"auto\">{}</p></figcaption>\n</figure></section>\n",
                        picture(page), escape(page.text));
  return html + "</main>\n</body>\n</html>\n";
}

std::string story_title(std::string_view text) {
  constexpr size_t kLeast = 16, kMost = 100;  // bytes; "Mr." ends no sentence
  text = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  text = text.substr(0, text.find_first_of("\r\n"));
  for (size_t i = kLeast; i + 1 < text.size(); ++i)
    if ((text[i] == '.' || text[i] == '!' || text[i] == '?') && text[i + 1] == ' ') text = text.substr(0, i + 1);
  const bool cut = text.size() > kMost;
  if (cut) {
    size_t end = text.rfind(' ', kMost);
    if (end == std::string_view::npos || end < kMost / 2)
      for (end = kMost; end > 0 && (uint8_t(text[end]) & 0xc0) == 0x80;) --end;  // between two characters
    text = text.substr(0, end);
  }
  while (text.ends_with(' ') || text.ends_with('.')) text.remove_suffix(1);
  return std::string(text) + (cut ? "\u2026" : "");
}

}  // namespace seedstory
