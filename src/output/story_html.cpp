// The picture book: markup, style and script in one file that loads nothing.
#include "output/story_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "io/base64.h"
#include "output/typeset.h"

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
// without script; .paged is the book whose pages turn. --room is how high a page may be.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --desk: #e4d9c5; --paper: #fdf8ec; --ink: #33291f; --soft: #65584a; --cloth: #7b2d26;
  --gilt: #f6e3b4; --initial: #7b2d26; --shade: rgb(60 40 20 / 0.28); --fold: rgb(60 40 20 / 0.16);
  --room: calc(100vh - 6rem); --type: clamp(1.5rem, 0.9rem + 2.6vw, 2.25rem); }
@supports (height: 1dvh) { :root { --room: calc(100dvh - 6rem); } }
@media screen and (prefers-color-scheme: dark) { :root { --desk: #14110e; --paper: #28221b; --ink: #efe6d6;
  --soft: #b5a894; --cloth: #54201b; --gilt: #efdcb0; --initial: #efdcb0; --shade: rgb(0 0 0 / 0.6);
  --fold: rgb(0 0 0 / 0.4); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--desk); color: var(--ink); overflow-wrap: anywhere;
  font: 1.25rem/1.4 "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, "Noto Serif", serif; }
main { counter-reset: page; }
section { display: flex; justify-content: center; align-items: center; padding: 1rem; }
img, svg { display: block; width: 100%; height: 100%; object-fit: contain; }

.board { display: flex; flex-direction: column; width: min(100%, 46rem, max(18rem, 0.86 * var(--room)));
  height: max(16rem, min(var(--room), 100vw + 12rem)); padding: min(1.2rem, 0.04 * var(--room)); border-radius: 0.3rem 0.8rem 0.8rem 0.3rem;
  background: linear-gradient(90deg, var(--shade), transparent 0.5rem, transparent 1.2rem, var(--fold) 1.5rem,
    transparent 1.8rem), var(--cloth); color: var(--gilt); text-align: center; box-shadow: 0 0.5rem 1.6rem var(--shade); }
.frame { flex: 1; min-height: 0; display: flex; flex-direction: column;
  padding: min(1.2rem, 0.04 * var(--room)); border: 2px solid;
  border-radius: 0.2rem; outline: 1px solid; outline-offset: -0.45rem; }
h1, h2 { margin: 0 0 min(1.2rem, 0.04 * var(--room));
  font-size: min(clamp(1.6rem, 1.1rem + 2vw, 2.75rem), 0.08 * var(--room)); line-height: 1.15; font-weight: normal;
  text-wrap: balance; }
.cover h1 { max-height: 50%; overflow: hidden auto; flex: none; }
.cover .plate { flex: 1; min-height: 0; }

.sheet { display: grid; width: min(100%, 46rem, max(18rem, var(--room))); background: var(--paper);
  border-radius: 0.6rem; box-shadow: 0 0.4rem 1.4rem var(--shade); overflow: hidden; }
.spread { counter-increment: page; }
.spread .plate { height: min(100vw - 2rem, 46rem, 0.6 * var(--room)); padding: clamp(0.6rem, 1.6vw, 1.5rem); }
.text { display: flex; flex-direction: column; min-height: 0; padding: 0.4rem clamp(1.2rem, 4vw, 3.2rem) 0.8rem; }
.text p { margin: auto 0; font-size: var(--type); white-space: pre-line; text-wrap: pretty; }
.long .text p { font-size: calc(0.72 * var(--type)); }
.longer .text p { font-size: max(1.25rem, 0.5 * var(--type)); }
.spread .text::after { content: counter(page); content: counter(page) / ""; display: block; margin-top: 0.6rem;
  text-align: center; font-size: 1.1rem; color: var(--soft); }
/* In a narrow column the lines beside it would be short and ragged. */
@media print, (min-width: 30rem) { .first:not(.long, .longer) p:dir(ltr)::first-letter { color: var(--initial);
  -webkit-initial-letter: 2; initial-letter: 2; margin-right: 0.1em; } }

.about .sheet { padding: clamp(1.2rem, 4vw, 2.4rem); }
.about h2 { font-size: 1.3rem; color: var(--initial); }
.about p { margin: 0 0 0.9rem; font-size: 1rem; color: var(--soft); }
.about h2, .about p { text-align: center; }
pre { margin: 0; white-space: pre-wrap; font: 0.8rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
  color: var(--soft); }
code { font: inherit; }
code span { white-space: nowrap; }

@media screen and (min-width: 44rem) and (min-aspect-ratio: 1/1) {
  :root { --type: max(1.25rem, min(clamp(2.25rem, 1.5rem + 1vw, 2.75rem), 0.08 * var(--room))); }
  .spread .sheet { width: min(100%, max(40rem, 2 * var(--room))); grid-template-columns: 1fr 1fr;
    min-height: min(var(--room), 50vw - 1rem); }
  .spread .plate { height: min(var(--room), 50vw - 1rem); }
  .spread .text { padding-top: 1.6rem; background: linear-gradient(90deg, var(--fold), transparent 2.5rem); } }

@media screen {
  .about .sheet { width: min(100%, 34rem); }
  .paged, .paged body { height: 100%; overflow: hidden; }
  .paged body { display: flex; flex-direction: column; }
  .paged main { flex: 1; min-height: 0; display: flex; overflow: auto hidden; scroll-snap-type: x mandatory;
    scrollbar-width: none; }
  .paged section { flex: 0 0 100%; overflow: hidden; scroll-snap-align: start; scroll-snap-stop: always; }
  .paged .sheet { max-height: var(--room); grid-template-rows: auto minmax(0, 1fr); }
  .paged .about .sheet { grid-template-rows: auto; overflow: hidden auto; }
  .paged .text { overflow: hidden auto; }
  .more { -webkit-mask-image: linear-gradient(#000 calc(100% - 3.5rem), transparent);
    mask-image: linear-gradient(#000 calc(100% - 3.5rem), transparent); } }
@media screen and (min-width: 44rem) and (min-aspect-ratio: 1/1) {
  .paged .spread .sheet { height: min(var(--room), 50vw - 1rem); grid-template-rows: minmax(0, 1fr); } }
@media screen and (prefers-reduced-motion: no-preference) { .paged main { scroll-behavior: smooth; } }

nav { display: flex; justify-content: center; align-items: center; gap: 0.6rem; padding: 0 1rem 0.5rem; }
nav output { min-width: 8rem; text-align: center; font-size: 1rem; color: var(--soft); }
button { width: 3rem; height: 3rem; border: 0; border-radius: 50%; background: none; color: inherit; cursor: pointer;
  font: 2.2rem/1 Georgia, serif; }
button:hover { background: var(--fold); }
button[aria-disabled=true] { opacity: 0.3; cursor: default; }
:focus-visible { outline: 4px solid var(--initial); outline-offset: -4px; }

/* Not by a query of the orientation: browsers ask it of the paper before @page turned it. --tall is more than
   everything on paper that is higher than wide, and negative on paper that is wider than high. */
@page { size: landscape; margin: 0; }
@media print {
  :root { --desk: #fff; --paper: #fff; --fold: transparent; --shade: transparent; --type: min(4.4vw, 4.2vh);
    --tall: calc((100vh - 100vw) * 999); --wide: calc((100vw - 100vh) * 999); --full: calc(99.5vh - 16mm);
    print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 12pt; }
  nav { display: none; }
  section { padding: 8mm; break-after: page; break-inside: avoid; min-height: 99.5vh; }
  section:last-child { break-after: auto; }
  .board { width: 100%; height: var(--full); }
  h1 { font-size: 28pt; }
  h2 { font-size: 22pt; }
  .sheet { width: 100%; border-radius: 0; }
  .spread .sheet { display: flex; flex-wrap: wrap; align-content: center; min-height: var(--full); }
  .spread .plate { flex: 60 1 max(50vw, min(100%, var(--tall))); padding: 0;
    height: min(100vw - 16mm, var(--full), max(64vh, var(--wide))); }
  .spread .text { flex: 40 1 max(28vw, min(100%, var(--tall))); padding: 2mm 2mm 2mm 8mm; }
  .longer .text p { font-size: max(11pt, 0.4 * var(--type)); }
  .longest { break-inside: auto; }
  .longest .plate { flex: 40 1 max(36vw, min(100%, var(--tall))); }
  .longest .text { flex: 60 1 max(48vw, min(100%, var(--tall))); }
  .longest .text p { font-size: 9.5pt; }
  pre { font-size: 11pt; } }
)css";

// Turns pages. Swiping is the browser's own scrolling; keys, wheel, edges, buttons and addresses are here. `page` is
// the page that was asked for last: presses count from it, however far the scrolling has come.
constexpr const char* kScript = R"js(
document.documentElement.classList.add("paged");
addEventListener("DOMContentLoaded", () => {
  const book = document.querySelector("main"), pages = [...book.children], last = pages.length - 1;
  const nav = document.createElement("nav"), where = document.createElement("output");
  const place = (at) => at === 0 ? "Cover" : at === last ? "About this book" : at + " of " + (last - 1);
  let page = -1, turning = false, still;
  const left = () => page * book.clientWidth;
  const show = (to) => {
    to = Math.min(Math.max(to, 0), last);
    if (to === page) return;
    const first = page < 0;
    page = to;
    where.textContent = place(page);
    back.setAttribute("aria-disabled", page === 0);
    next.setAttribute("aria-disabled", page === last);
    // Back leaves the book; it is not one step for each page that was turned.
    if (!first) history.replaceState(null, "", "#" + pages[page].id);
  };
  const turn = (to, behavior = "auto") => {
    show(to);
    turning = true;
    book.scrollTo({left: left(), behavior});
  };
  const button = (name, sign, step) => {
    const made = document.createElement("button");
    made.type = "button";
    made.title = name;
    made.tabIndex = -1;
    made.setAttribute("aria-label", name);
    made.textContent = sign;
    made.addEventListener("mousedown", (event) => event.preventDefault());
    made.addEventListener("click", () => turn(page + step));
    return made;
  };
  const back = button("Previous page", "\u2039", -1), next = button("Next page", "\u203a", 1);
  nav.setAttribute("aria-label", "Pages");
  nav.append(back, where, next);
  document.body.append(nav);
  // Browsers let Tab stop at what scrolls, also on pages that are not open: the book alone is a stop.
  const scrollers = [...book.querySelectorAll("h1, .sheet, .text")];
  for (const scroller of scrollers) scroller.tabIndex = -1;
  // What goes on below its edge fades out there.
  const fade = () => {
    for (const s of scrollers) s.classList.toggle("more", s.scrollHeight - s.clientHeight - s.scrollTop > 2);
  };
  book.addEventListener("scroll", fade, {capture: true, passive: true});
  const readers = pages.map((section) => section.querySelector(".text"));
  // How far the open page's text can be scrolled on (1) or back (-1).
  const rest = (step) => {
    const reader = readers[page];
    if (!reader) return 0;
    return Math.floor(step > 0 ? reader.scrollHeight - reader.clientHeight - reader.scrollTop : reader.scrollTop);
  };
  const read = (step, share) => {
    if (rest(step) > 1) readers[page].scrollBy({top: step * Math.max(40, share * readers[page].clientHeight)});
    else turn(page + step);
  };

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || (event.shiftKey && event.key !== " ")) return;
    if (event.target.localName === "button" && event.key === " ") return;
    const to = {ArrowRight: page + 1, PageDown: page + 1, ArrowLeft: page - 1, PageUp: page - 1, Home: 0, End: last};
    const down = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (event.key in to) turn(to[event.key]);
    else if (event.key === " ") read(event.shiftKey ? -1 : 1, 0.85);
    else if (down) read(down, 0.15);
    else return;
    event.preventDefault();
  });

  // The outer eighths of the window turn, but not where somebody marks text.
  const edge = (event) => event.clientX < innerWidth / 8 ? -1 : event.clientX > innerWidth * 7 / 8 ? 1 : 0;
  book.addEventListener("click", (event) => {
    if (edge(event) && getSelection().isCollapsed) turn(page + edge(event));
  });
  book.addEventListener("mousemove", (event) => {
    const to = page + edge(event);
    book.style.cursor = to !== page && to >= 0 && to <= last ? "pointer" : "";
  });

  // A wheel's notch is a page; of a touchpad's stream, which runs on by itself, each gesture is.
  let streamed = 0, streaming = 0, spent = false;
  book.addEventListener("wheel", (event) => {
    turning = false;
    if (event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) >= Math.abs(event.deltaY)) return;
    const step = Math.sign(event.deltaY), size = Math.abs(event.deltaY);
    if (rest(step) > 1) return;
    event.preventDefault();
    const notches = event.deltaMode ? 1 : size >= 100 && size % 20 === 0 ? Math.round(size / 120) : 0;
    if (notches) return turn(page + step * notches);
    if (event.timeStamp - streaming > 200) streamed = 0, spent = false;
    streaming = event.timeStamp;
    streamed += event.deltaY;
    if (spent || Math.abs(streamed) < 30) return;
    spent = true;
    turn(page + step);
  }, {passive: false});

  // At rest: after a turn the page is the one that was asked for, wherever the scrolling stopped; after a swipe or the
  // browser's own search it is the one that is seen.
  const rested = () => {
    if (Math.abs(book.scrollLeft - left()) <= 1) turning = false;
    else if (turning) book.scrollTo({left: left(), behavior: "instant"});
    else show(Math.round(book.scrollLeft / book.clientWidth));
  };
  book.addEventListener("touchstart", () => { turning = false; }, {passive: true});
  if ("onscrollend" in window) book.addEventListener("scrollend", (event) => { if (event.target === book) rested(); });
  else book.addEventListener("scroll", () => {
    clearTimeout(still);
    still = setTimeout(rested, 150);
  });
  addEventListener("resize", () => {
    fade();
    turn(page, "instant");
  });

  // A page behind the last is the last.
  const asked = () => {
    const name = location.hash.slice(1);
    return /^\d*$/.test(name) ? Math.min(Number(name), last - 1) : pages.findIndex((section) => section.id === name);
  };
  addEventListener("hashchange", () => turn(asked() < 0 ? page : asked(), "instant"));
  fade();
  turn(asked(), "instant");
});
)js";

// SHA-256 of the two, as a Content-Security-Policy wants it. tests/cli/page_test.cpp says the right ones.
constexpr const char* kStyleHash = "JnPq8Aif1W4r3k7d8/+c21vUXW7CAOBTYkpyG2Ye1vo=";
constexpr const char* kScriptHash = "raC8Z0RBrQrzwHXUYP4oWJS4pLN3tNOT9IYR0L91uJ8=";

// A text in the type of `long` and `longer` fits beside its picture in most windows; what does not fit scrolls.
const char* length_class(std::string_view text) {
  constexpr size_t kLong = 180, kLonger = 420, kLongest = 1200;  // bytes
  return text.size() > kLongest  ? " longer longest"
         : text.size() > kLonger ? " longer"
         : text.size() > kLong   ? " long"
                                 : "";
}

// A large first letter is two lines high. Not for "A fox": who listens would hear "Afox", since the space behind a
// letter that floats is gone.
bool has_initial(std::string_view text) {
  constexpr size_t kTwoLines = 60;  // bytes, in any window
  const std::string_view word = text.substr(0, text.find(' '));
  return text.size() >= kTwoLines &&
         std::count_if(word.begin(), word.end(), [](unsigned char c) { return std::isalpha(c); }) > 1;
}

// The first picture is an <svg>, so that the cover can show it as well without its bytes a second time.
std::string plate(const PagePicture& picture, size_t number) {
  const std::string data = "data:image/jpeg;base64," + base64(picture.jpeg);
  const auto [width, height] = std::pair(picture.width, picture.height);
  if (number > 1)
    return fmt::format("<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"Picture {}\">", data, width, height, number);
  return fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"Picture 1\"><image id=\"picture\" width=\"{0}\" "
      "height=\"{1}\" href=\"{2}\"/></svg>",
      width, height, data);
}

// The text stands beside the picture and is not its alt as well: who listens hears it once.
std::string spread(const Page& page, size_t number, size_t pages) {
  return fmt::format(
      "<section id=\"{0}\" class=\"spread{1}{2}\" role=\"group\" aria-label=\"Page {0} of {3}\"><div class=\"sheet\">\n"
      "<div class=\"plate\">{4}</div>\n<div class=\"text\"><p dir=\"auto\">{5}</p></div>\n</div></section>\n",
      number, number == 1 && has_initial(page.text) ? " first" : "", length_class(page.text), pages,
      plate(page.picture, number), escape(typeset(page.text)));
}

// A line is broken between its words: a browser would break flags at their hyphens. What is longer than a line of a
// telephone may be broken anywhere.
std::string in_words(std::string_view line) {
  constexpr size_t kLongest = 28;  // bytes
  std::string out;
  while (!line.empty()) {
    const size_t blank = std::min(line.find_first_of(" \n"), line.size());
    const std::string word = escape(line.substr(0, blank));
    out += blank == 0 || blank > kLongest ? word : "<span>" + word + "</span>";
    line.remove_prefix(blank);
    const size_t next = std::min(line.find_first_not_of(" \n"), line.size());
    out += line.substr(0, next);
    line.remove_prefix(next);
  }
  return out;
}

std::string about(const std::string& shown_title, const Colophon& colophon) {
  return fmt::format(
      "<section id=\"about\" class=\"about\" role=\"group\" aria-label=\"About this book\"><div class=\"sheet\"><div "
      "class=\"text\">\n<h2 dir=\"auto\">{}</h2>\n<p>{}</p>\n<p>{}</p>\n<pre><code>{}</code></pre>\n"
      "</div></div></section>\n",
      shown_title, escape(colophon.made), escape(colophon.again), in_words(colophon.command));
}

}  // namespace

std::string story_page(std::string_view title, const Colophon& colophon, const std::vector<Page>& pages) {
  const std::string shown_title = escape(typeset(title));
  // data:, as the icon keeps a browser from asking a server for one.
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n<style>{}</style>\n<script>{}</script>\n</head>\n<body>\n"
      "<main tabindex=\"0\" aria-label=\"Picture book: {}\">\n",
      kStyleHash, kScriptHash, shown_title, kStyle, kScript, shown_title);
  html += fmt::format(
      "<section id=\"cover\" class=\"cover\"><div class=\"board\"><div class=\"frame\">\n<h1 dir=\"auto\">{}</h1>\n",
      shown_title);
  if (!pages.empty())
    html +=
        fmt::format("<svg class=\"plate\" viewBox=\"0 0 {} {}\" aria-hidden=\"true\"><use href=\"#picture\"/></svg>\n",
                    pages[0].picture.width, pages[0].picture.height);
  html += "</div></div></section>\n";
  for (size_t i = 0; i < pages.size(); ++i) html += spread(pages[i], i + 1, pages.size());
  return html + about(shown_title, colophon) + "</main>\n</body>\n</html>\n";
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
