#include "cli/shell_path.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace seedstory {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? std::optional<std::string>(value) : std::nullopt;
}

namespace {

std::string without_tilde(const std::string& text) {
  if (!text.starts_with('~')) return text;
  const size_t end = std::min(text.find('/'), text.size());
  const std::string name = text.substr(1, end - 1);
  const auto home = variable("HOME");
  const passwd* user = name.empty() ? ::getpwuid(::getuid()) : ::getpwnam(name.c_str());
  if (name.empty() && home) return *home + text.substr(end);
  return user && user->pw_dir ? user->pw_dir + text.substr(end) : text;
}

std::string without_dollars(const std::string& text) {
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at + 1, end = begin, next;
    if (text[at] == '$' && begin < text.size() && text[begin] == '{') {
      end = text.find('}', ++begin);
      next = end == std::string::npos ? at : end + 1;
    } else {
      while (end < text.size() && text[at] == '$' && is_letter(text[end])) ++end;
      next = end;
    }
    const bool is_name = text[at] == '$' && next > begin;
    const auto value = is_name ? variable(text.substr(begin, end - begin).c_str()) : std::nullopt;
    if (!value) next = std::max(at + 1, next);
    out += value ? *value : text.substr(at, next - at);
    at = next;
  }
  return out;
}

}  // namespace

std::string shell_path(const std::string& text) {
  return without_dollars(without_tilde(text));
}

}  // namespace seedstory
