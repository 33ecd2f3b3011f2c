// NFC by utf8proc, and a table of what keys do not write.
#include "text/normal_text.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "seedstory/error.h"
#include "text/utf8.h"

namespace seedstory {
namespace {

struct Range {
  uint32_t first, last;
  std::string_view as;  // empty: left out
};
// What word processors, telephones and web pages write for a key.
constexpr Range kRanges[] = {
    {0x01, 0x08, ""},         // control characters, but for tab and line feed
    {0x0b, 0x0c, " "},        // vertical tab, form feed
    {0x0e, 0x1f, ""},         //
    {0x7f, 0x7f, ""},         //
    {0x80, 0x84, ""},         //
    {0x85, 0x85, "\n"},       // next line
    {0x86, 0x9f, ""},         //
    {0xa0, 0xa0, " "},        // no-break space
    {0xb4, 0xb4, "'"},        // acute accent, typed for an apostrophe
    {0x2bc, 0x2bc, "'"},      // modifier letter apostrophe
    {0x1680, 0x1680, " "},    // ogham space mark
    {0x2000, 0x200a, " "},    // spaces by width
    {0x200b, 0x200b, " "},    // zero width space: where words part that are written without one
    {0x2010, 0x2015, "-"},    // hyphens and dashes
    {0x2018, 0x201b, "'"},    // single quotes
    {0x201c, 0x201f, "\""},   // double quotes
    {0x2026, 0x2026, "..."},  // ellipsis
    {0x2028, 0x2029, "\n"},   // line and paragraph separator
    {0x202f, 0x202f, " "},    // narrow no-break space
    {0x2032, 0x2032, "'"},    // prime
    {0x2033, 0x2033, "\""},   // double prime
    {0x205f, 0x205f, " "},    // mathematical space
    {0x2034, 0x2034, "\"'"},  // triple prime
    {0x2035, 0x2035, "'"},    // reversed primes
    {0x2036, 0x2036, "\""},   //
    {0x2212, 0x2212, "-"},    // minus sign
    {0x275b, 0x275c, "'"},    // ornaments of quotes
    {0x275d, 0x275e, "\""},   //
    {0x3000, 0x3000, " "},    // ideographic space
    {0x300c, 0x300d, "'"},    // corner brackets, which are quotes: half of those quote inside
    {0x300e, 0x300f, "\""},   //
    {0x301d, 0x301f, "\""},   // double primes as quotes
    {0xff02, 0xff02, "\""},   // full width
    {0xff07, 0xff07, "'"},    //
    {0xfff9, 0xfffb, ""},     // anchors of notes between the lines
};

// Unicode's Default_Ignorable_Code_Point: marks of direction, joiners, selectors of a glyph's variant, tags, fillers.
bool is_ignorable(uint32_t code) {
  return utf8proc_get_property(utf8proc_int32_t(code))->ignorable;
}

constexpr bool is_joiner(uint32_t code) {
  return code == 0x200c || code == 0x200d;
}

const Range* range_of(uint32_t code) {
  for (const Range& range : kRanges)
    if (code >= range.first && code <= range.last) return &range;
  return nullptr;
}

std::string mapped(std::string_view text, int options) {
  utf8proc_uint8_t* out = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), utf8proc_ssize_t(text.size()), &out,
                   utf8proc_option_t(UTF8PROC_STABLE | options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owned(out, std::free);
  if (length < 0) fail(std::string("text: ") + utf8proc_errmsg(length));
  return {reinterpret_cast<const char*>(out), size_t(length)};
}

// « Guillemets » as quotes. French puts spaces inside, German points them inwards, Swedish has one for both sides: what
// opens and what closes is told by turns, and the spaces inside go.
class Guillemets {
 public:
  // The quote that a character is to `out`, or nothing where it is none.
  std::string_view quote(uint32_t code, std::string& out) {
    const bool is_double = code == 0xab || code == 0xbb, is_single = code == 0x2039 || code == 0x203a;
    if (!is_double && !is_single) return "";
    bool& open = open_[is_double ? 0 : 1];
    open = !open;
    after_opening_ = open;
    while (!open && !out.empty() && is_space(out.back())) out.pop_back();
    return is_double ? "\"" : "'";
  }
  // Whether what follows is a space inside an opening one.
  bool drops(std::string_view as) {
    const bool space = as.size() == 1 && is_space(as[0]);
    after_opening_ = after_opening_ && (space || as.empty());
    return after_opening_ && space;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  bool open_[2] = {}, after_opening_ = false;
};

// Words with one space between them: where a line was broken, or a second space typed, is nobody's story.
std::string in_one_line(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\v\f";
  std::string out;
  for (size_t at; (at = text.find_first_not_of(kSpaces)) != std::string_view::npos;) {
    text.remove_prefix(at);
    const std::string_view word = text.substr(0, text.find_first_of(kSpaces));
    out += out.empty() ? "" : " ";
    out += word;
    text.remove_prefix(word.size());
  }
  return out;
}

}  // namespace

std::string normal_text(std::string_view text) {
  constexpr uint32_t kJoining = 0x600;  // from Arabic on, and in emoji, joiners are seen
  std::string out;
  uint32_t before = 0;
  Guillemets guillemets;
  while (!text.empty()) {
    const Utf8Character c = first_character(text);
    if (c.length == 0) fail("text: is not UTF-8");
    const std::string_view bytes = text.substr(0, c.length);
    text.remove_prefix(c.length);
    const Range* range = range_of(c.code);
    if (const std::string_view quote = guillemets.quote(c.code, out); !quote.empty()) {
      out += quote;
    } else if (guillemets.drops(range ? range->as : bytes)) {
      continue;
    } else if (range) {
      out += range->as;
    } else if (c.code == '\r') {
      if (!text.starts_with('\n')) out += '\n';
    } else if (is_joiner(c.code) ? before >= kJoining : !is_ignorable(c.code)) {
      out += bytes;
      before = c.code;
    }
  }
  return mapped(in_one_line(out), UTF8PROC_COMPOSE);
}

std::string in_letters_of(std::string_view text, bool (*has)(uint32_t code)) {
  const auto has_all = [&](std::string_view letters) {
    while (!letters.empty()) {
      const Utf8Character c = first_character(letters);
      if (!has(c.code)) return false;
      letters.remove_prefix(c.length);
    }
    return true;
  };
  if (!is_utf8(text)) return std::string(text);
  const std::string whole = mapped(text, UTF8PROC_COMPOSE);
  std::string out;
  for (std::string_view rest = whole; !rest.empty();) {
    const Utf8Character c = first_character(rest);
    const std::string_view letter = rest.substr(0, c.length);
    rest.remove_prefix(c.length);
    const std::string plain =
        has(c.code) ? "" : mapped(letter, UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK);
    out += !plain.empty() && has_all(plain) ? plain : letter;
  }
  return out;
}

bool is_blank(std::string_view text) {
  constexpr Range kBlank[] = {{0, 0x20, ""}, {0x7f, 0x9f, ""}, {0x2800, 0x2800, ""}};
  while (!text.empty()) {
    const Utf8Character c = first_character(text);
    const Range* range = range_of(c.code);
    bool seen =
        c.length == 0 || (range ? range->as != "" && range->as != " " && range->as != "\n" : !is_ignorable(c.code));
    for (const Range& blank : kBlank) seen = seen && !(c.length && c.code >= blank.first && c.code <= blank.last);
    if (seen) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

}  // namespace seedstory
