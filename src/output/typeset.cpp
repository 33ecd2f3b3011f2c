// Quotes, dashes and spaces as a typesetter sets them.
#include "output/typeset.h"

#include <algorithm>
#include <array>

namespace seedstory {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Every byte of a character outside ASCII counts as a letter, but for those of dashes and quotes in front of a quote.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t(c) & 0x80) != 0;
}

// What begins with an apostrophe instead of a quote.
bool is_clipped(std::string_view rest) {
  if (rest.size() >= 2 && is_digit(rest[0]) && is_digit(rest[1])) return true;  // '90s
  constexpr std::array<std::string_view, 6> kClipped = {"tis", "twas", "em", "til", "cause", "n"};
  return std::any_of(kClipped.begin(), kClipped.end(), [&](std::string_view word) {
    if (rest.size() < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i)
      if ((rest[i] | 0x20) != word[i]) return false;
    return rest.size() == word.size() || !is_letter(rest[word.size()]);
  });
}

class Typesetter {
 public:
  explicit Typesetter(std::string_view text) : text_(text) {}

  std::string run() {
    for (; at_ < text_.size(); ++at_) {
      switch (text_[at_]) {
        case '"':
          double_quote();
          break;
        case '\'':
          single_quote();
          break;
        case '-':
          dash();
          break;
        case '.':
          dots();
          break;
        default:
          out_ += text_[at_];
      }
    }
    hold("\u00ab ", "\u00ab\u00a0");
    hold(" \u00bb", "\u00a0\u00bb");
    return out_;
  }

 private:
  // No line ends between a guillemet and its words.
  void hold(std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = out_.find(from, at)) != std::string::npos; at += to.size())
      out_.replace(at, from.size(), to);
  }

  char before() const { return at_ > 0 ? text_[at_ - 1] : ' '; }
  char after(size_t length) const { return at_ + length < text_.size() ? text_[at_ + length] : ' '; }
  bool opens() const {
    return is_space(before()) || std::string_view("([{-\"'").find(before()) != std::string_view::npos ||
           out_.ends_with("\u2014") || out_.ends_with("\u2013");
  }

  void double_quote() {
    // After a digit it ends what is open, or it is an inch.
    if (is_digit(before()) && !open_) {
      out_ += '"';
      return;
    }
    open_ = !open_ && (opens() || (!is_space(after(1)) && !is_letter(before())));
    if (!open_ && is_space(before()) && !is_space(after(1))) open_ = true;  // the last one was never ended
    out_ += open_ ? "\u201c" : "\u201d";
  }

  void single_quote() {
    if (is_digit(before()) && is_digit(after(1))) {  // 5'10
      out_ += '\'';
      return;
    }
    const bool open = opens() && !is_space(after(1)) && !is_clipped(text_.substr(at_ + 1));
    out_ += open && !(before() == '"' && !open_) ? "\u2018" : "\u2019";
  }

  size_t run_of(char c) const {
    const size_t end = text_.find_first_not_of(c, at_);
    return std::min(end, text_.size()) - at_;
  }

  void dash() {
    const size_t length = run_of('-');
    const char left = before(), right = after(length);
    const bool spaced = is_space(left) && is_space(right) && at_ > 0 && at_ + length < text_.size();
    const bool is_code = left == '!' || left == '<' || right == '>' || (is_space(left) && !is_space(right));
    if (length == 1)
      out_ += spaced && left == ' ' && right == ' ' ? "\u2013" : "-";  // at a line's begin it lists
    else if (length <= 3 && !is_code)
      out_ += "\u2014";
    else
      out_.append(length, '-');
    at_ += length - 1;
  }

  void dots() {
    const size_t length = run_of('.');
    if (length == 3)
      out_ += "\u2026";
    else
      out_.append(length, '.');
    at_ += length - 1;
  }

  std::string_view text_;
  size_t at_ = 0;
  bool open_ = false;  // a double quote
  std::string out_;
};

}  // namespace

std::string typeset(std::string_view text) {
  return Typesetter(text).run();
}

}  // namespace seedstory
