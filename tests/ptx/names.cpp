// A kernel's name as the launch knows it, from the mangled name of its PTX entry.
#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "program.h"
#include "simt.h"

namespace ptx {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The text in the outermost <...>, from `open` on.
std::string within(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    depth += text[i] == '<' || text[i] == '(';
    depth -= text[i] == '>' || text[i] == ')';
    if (depth == 0) return text.substr(open + 1, i - open - 1);
  }
  return text.substr(open + 1);
}

}  // namespace

// A launch knows "SimtKernel<&(void seedstory::(anonymous namespace)::linear<...>(Args<f16>))>", an entry is "void
// seedstory::(anonymous namespace)::linear<__half, ...>(Args<__half>)".
std::string kernel_name(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         &std::free);
  std::string name = status == 0 ? text.get() : mangled;
  const size_t kernel = name.find("SimtKernel<");
  if (kernel != std::string::npos) name = within(name, kernel + std::strlen("SimtKernel"));
  replace_all(name, "(anonymous namespace)::", "");
  replace_all(name, "seedstory::", "");
  replace_all(name, "__half", "f16");
  replace_all(name, "__nv_bfloat16", "bf16");
  if (!name.empty() && name[0] == '&') name = name.substr(1);
  if (!name.empty() && name[0] == '(') name = within(name, 0);
  if (name.rfind("void ", 0) == 0) name = name.substr(5);
  // Cut the parameters: the first "(" outside of <...>.
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    depth += name[i] == '<';
    depth -= name[i] == '>';
    if (depth == 0 && name[i] == '(') return name.substr(0, i);
  }
  return name;
}

int bytes_of(Type type) {
  switch (type) {
    case Type::b8:
    case Type::u8:
    case Type::s8:
      return 1;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
      return 2;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
      return 8;
    case Type::pred:
      return 0;
    default:
      return 4;
  }
}

const char* name_of(Class c) {
  static constexpr const char* kNames[] = {"mma",   "ldmatrix", "copy",  "shared",  "global", "local",
                                           "param", "exp",      "float", "integer", "control"};
  return kNames[int(c)];
}

Register Names::make(int bytes) {
  if (bytes == 0) return {uint32_t(entry_.predicates++), 0};
  const Register made = {entry_.register_bytes, bytes};
  entry_.register_bytes += uint32_t(kWarp * (bytes == 8 ? 8 : 4));
  return made;
}

void Names::declare(const std::string& name, int bytes) {
  registers_[name] = make(bytes);
}

Register Names::constant(uint64_t bits, int bytes) {
  bytes = bytes == 8 ? 8 : 4;
  if (bytes == 4) bits = uint32_t(bits);
  const auto [at, is_new] = constants_.try_emplace({bits, bytes});
  if (is_new) {
    at->second = make(bytes);
    entry_.constants.push_back({at->second.at, bytes, bits});
  }
  return at->second;
}

Register Names::predicate(const std::string& operand) {
  const auto known = registers_.find(operand);
  if (operand == "_") return make(0);
  if (known == registers_.end() || known->second.bytes != 0) throw simt::Error(operand + " is no predicate");
  return known->second;
}

Register Names::find(const std::string& operand, int bytes, bool is_float) {
  if (operand == "_") return make(bytes);
  if (const auto known = registers_.find(operand); known != registers_.end()) {
    if (known->second.bytes == 0) throw simt::Error(operand + " is a predicate");
    return known->second;
  }
  static const std::map<std::string, Special> specials = {
      {"%tid.x", Special::tid_x},       {"%tid.y", Special::tid_y},       {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x},     {"%ntid.y", Special::ntid_y},     {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x},   {"%ctaid.y", Special::ctaid_y},   {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x}, {"%nctaid.y", Special::nctaid_y}, {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid},     {"%warpid", Special::warpid}};
  if (const auto special = specials.find(operand); special != specials.end()) {
    declare(operand, 4);
    entry_.specials.push_back({special->second, registers_[operand].at});
    return registers_[operand];
  }
  if (const auto variable = addresses_.find(operand); variable != addresses_.end())
    return constant(variable->second, bytes);
  if (operand.rfind("0f", 0) == 0) return constant(std::stoull(operand.substr(2), nullptr, 16), 4);
  if (operand.rfind("0d", 0) == 0) return constant(std::stoull(operand.substr(2), nullptr, 16), 8);
  char* end = nullptr;
  const std::string digits = operand.back() == 'U' ? operand.substr(0, operand.size() - 1) : operand;
  const bool is_number = !digits.empty() && (digits[0] == '-' || (digits[0] >= '0' && digits[0] <= '9'));
  const uint64_t bits =
      digits[0] == '-' ? uint64_t(std::strtoll(digits.c_str(), &end, 0)) : std::strtoull(digits.c_str(), &end, 0);
  if (!is_number || *end || is_float) throw simt::Error("operand not known: " + operand);
  return constant(bits, bytes);
}

}  // namespace ptx
