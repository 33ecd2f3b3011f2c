// From nvcc's text to entries: declarations, labels, statements. What an instruction means is decode.cpp's.
#include <algorithm>
#include <cctype>
#include <cstring>

#include "program.h"
#include "simt.h"

namespace ptx {
namespace {

int64_t round_up(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

// A place in the text, comments blanked out.
class Cursor {
 public:
  explicit Cursor(std::string text) : text_(std::move(text)) {
    for (size_t at = text_.find("//"); at != std::string::npos; at = text_.find("//", at))
      for (; at < text_.size() && text_[at] != '\n'; ++at) text_[at] = ' ';
  }

  bool done() {
    skip();
    return at_ >= text_.size();
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(const char* word) {
    skip();
    if (text_.compare(at_, std::strlen(word), word) != 0) return false;
    at_ += std::strlen(word);
    return true;
  }
  void need(const char* word) {
    if (!accept(word)) fail(std::string("expected ") + word);
  }
  // Up to, and without, the first of `ends`; that one is eaten as well.
  std::string until(const char* ends) {
    skip();
    const size_t end = text_.find_first_of(ends, at_);
    if (end == std::string::npos) fail(std::string("no ") + ends + " follows");
    std::string part = text_.substr(at_, end - at_);
    at_ = end + 1;
    while (!part.empty() && std::isspace(part.back())) part.pop_back();
    return part;
  }
  // A word of opcodes, names, directives.
  std::string word() {
    skip();
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(text_[at_]) || std::strchr("_$.%@!:", text_[at_]))) {
      if (text_[at_] == ':' && text_[at_ + 1] != ':' && text_[at_ - 1] != ':') break;  // a label's, not "L2::128B"
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }
  int line() const { return line_at(at_); }
  int line_of_next() {
    skip();
    return line();
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw simt::Error("PTX line " + std::to_string(line()) + ": " + what);
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::isspace(text_[at_])) ++at_;
  }
  // Asked in ascending order, so counted from where the last question ended.
  int line_at(size_t at) const {
    if (at < counted_) counted_ = 0, lines_ = 1;
    lines_ += int(std::count(text_.begin() + int64_t(counted_), text_.begin() + int64_t(at), '\n'));
    counted_ = at;
    return lines_;
  }
  std::string text_;
  size_t at_ = 0;
  mutable size_t counted_ = 0;
  mutable int lines_ = 1;
};

// ".align 8 .b8 name[104]", ".u64 name".
struct Variable {
  std::string name;
  int64_t align = 1, bytes = 0;
};
int type_bytes(const std::string& type) {
  if (type == ".pred") return 0;
  const int bits = std::atoi(type.c_str() + type.find_first_of("0123456789"));
  return std::max(1, bits / 8);
}
Variable variable(const std::string& text) {
  Variable v;
  Cursor in(text + " ;");
  std::string type = in.word();
  if (type == ".align") {
    v.align = std::stoll(in.word());
    type = in.word();
  }
  v.bytes = type_bytes(type);
  v.align = std::max(v.align, v.bytes);
  // ".ptr .global .align 8" tells of what a pointer points to.
  for (v.name = in.word(); v.name[0] == '.'; v.name = in.word())
    if (v.name == ".align") in.word();
  if (in.accept("[")) {
    const std::string count = in.until("]");
    v.bytes *= count.empty() ? 0 : std::stoll(count);
  }
  return v;
}

std::vector<std::string> split_operands(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (char c : text) {
    depth += c == '{' || c == '[';
    depth -= c == '}' || c == ']';
    if (c == ',' && depth == 0) {
      parts.push_back(part);
      part.clear();
    } else if (!std::isspace(c) || !part.empty()) {
      part += c;
    }
  }
  while (!part.empty() && std::isspace(part.back())) part.pop_back();
  if (!part.empty()) parts.push_back(part);
  for (std::string& each : parts)
    while (!each.empty() && std::isspace(each.back())) each.pop_back();
  return parts;
}

class Parser {
 public:
  explicit Parser(const std::string& text) : in_(text) {}

  std::vector<Entry> run() {
    while (!in_.done()) top();
    return std::move(entries_);
  }

 private:
  void top() {
    const std::string word = in_.word();
    if (word == ".version" || word == ".target" || word == ".address_size" || word == ".file") {
      in_.until("\n");
    } else if (word == ".visible" || word == ".extern" || word == ".weak") {
      // how it is linked does not matter
    } else if (word == ".shared") {
      file_shared_.push_back(variable(in_.until(";")));
    } else if (word == ".entry") {
      entry();
    } else {
      in_.fail("not known here: " + (word.empty() ? std::string(1, in_.peek()) : word));
    }
  }

  void entry() {
    entries_.emplace_back();
    Entry& e = entries_.back();
    Names names(e);
    labels_.clear();
    branches_.clear();
    e.name = kernel_name(in_.until("(").c_str());
    for (std::string list = in_.until(")"); !list.empty();) {
      const size_t comma = list.find(',');
      std::string one = list.substr(0, comma);
      list = comma == std::string::npos ? "" : list.substr(comma + 1);
      const Variable v = variable(one.substr(one.find(".param") + 6));
      e.param_bytes = round_up(e.param_bytes, v.align);
      e.params.push_back({e.param_bytes, v.bytes});
      names.place(v.name, kParamStart + uint64_t(e.param_bytes));
      e.param_bytes += v.bytes;
    }
    for (const Variable& v : file_shared_) place_shared(e, names, v);
    while (!in_.accept("{")) {
      const std::string word = in_.word();
      const std::string values = in_.until("\n");
      if (word == ".maxntid" || word == ".reqntid") {
        e.max_threads = 1;
        for (const std::string& n : split_operands(values)) e.max_threads *= std::stoll(n);
      } else if (word != ".minnctapersm" && word != ".maxnreg") {
        in_.fail("not known here: " + word);
      }
    }
    body(e, names);
    for (const auto& [at, label] : branches_) {
      if (!labels_.count(label)) in_.fail("no label " + label);
      e.code[at].target = labels_[label];
    }
    e.code.push_back({.op = Op::exit, .cls = Class::control});
    e.text.push_back("the end");
    e.executed.assign(e.code.size(), 0);
    e.shared.resize(e.code.size());
    e.global.resize(e.code.size());
  }

  // Dynamic shared memory has no size here: it starts behind all that has.
  void place_shared(Entry& e, Names& names, const Variable& v) {
    e.shared_bytes = round_up(e.shared_bytes, v.align);
    names.place(v.name, kSharedStart + uint64_t(e.shared_bytes));
    e.shared_bytes += v.bytes;
  }

  void body(Entry& e, Names& names) {
    for (int depth = 1; depth > 0;) {
      if (in_.accept("{")) {
        ++depth;
      } else if (in_.accept("}")) {
        --depth;
      } else if (in_.accept(";")) {
        continue;
      } else {
        statement(e, names);
      }
    }
  }

  void statement(Entry& e, Names& names) {
    const int line = in_.line_of_next();
    std::string word = in_.word();
    if (word == ".reg") return registers(names);
    if (word == ".local") {
      const Variable v = variable(in_.until(";"));
      e.local_bytes = round_up(e.local_bytes, v.align);
      names.place(v.name, kLocalStart + uint64_t(e.local_bytes));
      e.local_bytes += v.bytes;
      return;
    }
    if (word == ".shared") {
      if (!file_shared_.empty()) in_.fail("shared memory of a kernel beside that of the file");
      return place_shared(e, names, variable(in_.until(";")));
    }
    if (word == ".pragma") return (void)in_.until(";");
    if (word == ".loc") return (void)in_.until("\n");
    if (word.empty() || word[0] == '.') in_.fail("not known here: " + word + in_.peek());
    if (in_.peek() == ':') {
      in_.need(":");
      labels_[word] = int(e.code.size());
      return;
    }
    instruction(e, names, word, line);
  }

  void instruction(Entry& e, Names& names, std::string word, int line) {
    Instruction made = {.op = Op::exit, .line = line};
    std::string text;
    try {
      if (word[0] == '@') {
        made.guard_not = word.size() > 1 && word[1] == '!';
        made.guard = int(names.predicate(word.substr(made.guard_not ? 2 : 1)).at);
        text = word + " ";
        word = in_.word();
      }
      const std::string rest = in_.until(";");
      text += word + " " + rest;
      const bool guard_not = made.guard_not;
      decode(made, word, split_operands(rest), names);
      made.guard_not = guard_not;
      if (made.op == Op::bra) branches_.push_back({e.code.size(), rest});
    } catch (const std::exception& error) {
      throw simt::Error("PTX line " + std::to_string(line) + ": " + error.what() + ": " + text);
    }
    e.code.push_back(made);
    e.text.push_back(text);
  }

  void registers(Names& names) {
    const std::string type = in_.word();
    const int bytes = type_bytes(type);
    for (const std::string& name : split_operands(in_.until(";"))) {
      const size_t count = name.find('<');
      if (count == std::string::npos) {
        names.declare(name, bytes);
        continue;
      }
      for (int i = 0; i < std::stoi(name.substr(count + 1)); ++i)
        names.declare(name.substr(0, count) + std::to_string(i), bytes);
    }
  }

  Cursor in_;
  std::vector<Entry> entries_;
  std::vector<Variable> file_shared_;
  std::map<std::string, int> labels_;
  std::vector<std::pair<size_t, std::string>> branches_;
};

}  // namespace

std::vector<Entry> parse(const std::string& text) {
  return Parser(text).run();
}

}  // namespace ptx
