// The words of an opcode and its operands.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "program.h"
#include "simt.h"

namespace ptx {

using Operands = std::vector<std::string>;

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

inline std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n"), last = text.find_last_not_of(" \t\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// "{%r1, %r2}" or "%r1".
inline Operands elements_of(const std::string& operand) {
  if (operand.empty() || operand[0] != '{') return {operand};
  Operands parts = split(operand.substr(1, operand.size() - 2), ',');
  for (std::string& part : parts) part = trim(part);
  return parts;
}

inline std::optional<Type> type_named(const std::string& name) {
  static const std::map<std::string, Type> types = {
      {"b8", Type::b8},   {"b16", Type::b16},  {"b32", Type::b32}, {"b64", Type::b64},   {"u8", Type::u8},
      {"u16", Type::u16}, {"u32", Type::u32},  {"u64", Type::u64}, {"s8", Type::s8},     {"s16", Type::s16},
      {"s32", Type::s32}, {"s64", Type::s64},  {"f16", Type::f16}, {"bf16", Type::bf16}, {"f32", Type::f32},
      {"f64", Type::f64}, {"pred", Type::pred}};
  const auto at = types.find(name);
  return at == types.end() ? std::nullopt : std::optional(at->second);
}

inline bool is_float(Type type) {
  return type == Type::f32 || type == Type::f64 || type == Type::f16 || type == Type::bf16;
}

// The qualifiers of one opcode, taken one by one.
class Qualifiers {
 public:
  explicit Qualifiers(const std::string& opcode) : opcode_(opcode), left_(split(opcode, '.')) {
    base = left_[0];
    left_.erase(left_.begin());
  }
  std::string base;

  bool take(const std::string& name) {
    const auto at = std::find(left_.begin(), left_.end(), name);
    if (at == left_.end()) return false;
    left_.erase(at);
    return true;
  }
  void need(const std::string& name) {
    if (!take(name)) refuse();
  }
  // The one of `names` that is there, as its value; else `otherwise`.
  template <class V>
  V one_of(const std::vector<std::pair<const char*, V>>& names, V otherwise) {
    for (const auto& [name, value] : names)
      if (take(name)) return value;
    return otherwise;
  }
  template <class V>
  V one_of(const std::vector<std::pair<const char*, V>>& names) {
    for (const auto& [name, value] : names)
      if (take(name)) return value;
    refuse();
  }
  // The last one, which is the type.
  Type type() {
    const auto type = left_.empty() ? std::nullopt : type_named(left_.back());
    if (!type) refuse();
    left_.pop_back();
    return *type;
  }
  void finish() {
    if (!left_.empty()) refuse();
  }
  [[noreturn]] void refuse() const { throw simt::Error("opcode not known: " + opcode_); }

 private:
  std::string opcode_;
  std::vector<std::string> left_;
};

}  // namespace ptx
