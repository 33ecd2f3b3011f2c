// The published program's clean-up by hand: its regular expression is Python's.
#include <algorithm>
#include <array>
#include <cstdint>

#include "text/tokenizer.h"

namespace seedstory {
namespace {

constexpr std::string_view kInstruction = "[INST]", kLeft = "{left}";

// Python's white space (str.isspace, and \s of re): how many bytes the one at the beginning of `text` has; 0: none.
size_t leading_space(std::string_view text) {
  constexpr std::array<std::string_view, 19> wide = {
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
      "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
      "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  if (text.empty()) return 0;
  const char c = text[0];
  if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1C' && c <= '\x1F')) return 1;
  for (std::string_view space : wide)
    if (text.starts_with(space)) return space.size();
  return 0;
}

// Byte tokens can write any byte, and neither a page nor a PNG's text holds these.
bool is_control(char c) {
  return (uint8_t(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

std::string_view trim_front(std::string_view text) {
  while (const size_t length = leading_space(text)) text.remove_prefix(length);
  return text;
}

std::string_view trim_back(std::string_view text) {
  for (bool again = true; again;) {
    again = false;
    for (size_t length = 1; length <= 3 && length <= text.size() && !again; ++length)
      if (leading_space(text.substr(text.size() - length)) == length) {
        text.remove_suffix(length);
        again = true;
      }
  }
  return text;
}

std::string_view without(std::string_view text, std::string_view prefix) {
  text = trim_front(text);
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// The same for a call prefix: "{left}" in it stands for any number.
std::string_view without_call_prefix(std::string_view text, std::string_view prefix) {
  const size_t at = prefix.find(kLeft);
  if (at == std::string_view::npos) return without(text, trim_back(trim_front(prefix)));
  const std::string_view before = trim_front(prefix.substr(0, at)), after = trim_back(prefix.substr(at + kLeft.size()));
  std::string_view rest = trim_front(text);
  if (!rest.starts_with(before)) return text;
  rest.remove_prefix(before.size());
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  rest.remove_prefix(digits);
  if (digits == 0 || !rest.starts_with(after)) return text;
  return rest.substr(after.size());
}

}  // namespace

std::string clean_text(std::string_view decoded) {
  std::string out;
  for (;;) {
    const size_t open = decoded.find('<');
    const size_t close = open == std::string_view::npos ? open : decoded.find('>', open);
    if (close == std::string_view::npos) break;
    out += trim_back(decoded.substr(0, open));
    out += ' ';
    decoded = trim_front(decoded.substr(close + 1));
  }
  out += decoded;
  return std::string(trim_back(trim_front(out)));
}

std::string display_text(std::string_view cleaned, std::string_view call_prefix) {
  const std::string_view text = without(without_call_prefix(cleaned, call_prefix), kInstruction);
  std::string out;
  for (char c : trim_back(trim_front(text)))
    if (!is_control(c) && (c != ' ' || !(out.empty() || out.ends_with(' ')))) out += c;
  return out;
}

}  // namespace seedstory
