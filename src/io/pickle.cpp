// The pickle machine of Lib/pickletools.py, protocols 2 to 5, with the opcodes that torch.save writes for a state dict.
//
// A stack of values; MARK remembers a height. Values are made once, live until the end, and are shared by pointer, so a
// pickle of n bytes makes at most n of them and nothing here recurses.
#include "io/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "seedstory/error.h"

namespace seedstory {

using Value = PickleValue;
using Kind = PickleValue::Kind;

const char* name_of(Kind kind) {
  constexpr const char* names[] = {"None",    "a bool", "an int", "a float",  "a string",  "bytes",
                                   "a tuple", "a list", "a dict", "a global", "a storage", "a tensor"};
  return names[size_t(kind)];
}

namespace {

// The published file of 856 tensors needs some 0.15 MB and 15,000 values.
constexpr size_t kMaxBytes = 64 << 20, kMaxValues = 1 << 20;

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kRebuildTyped = "torch._utils _rebuild_tensor_v3";  // of types that have no storage class
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";
constexpr std::array<std::string_view, 15> kStorages = {
    "torch FloatStorage", "torch HalfStorage",   "torch BFloat16Storage",       "torch DoubleStorage",
    "torch LongStorage",  "torch IntStorage",    "torch ShortStorage",          "torch CharStorage",
    "torch ByteStorage",  "torch BoolStorage",   "torch ComplexFloatStorage",   "torch ComplexDoubleStorage",
    "torch QInt8Storage", "torch QUInt8Storage", "torch.storage UntypedStorage"};
constexpr std::array<std::string_view, 9> kTypes = {
    "torch float8_e4m3fn",   "torch float8_e5m2",    "torch float8_e4m3fnuz",
    "torch float8_e5m2fnuz", "torch float8_e8m0fnu", "torch float4_e2m1fn_x2",
    "torch uint16",          "torch uint32",         "torch uint64"};

// Of what may stand in a file, the text that stays; empty: nothing else may.
std::string_view known_global(std::string_view global) {
  for (const std::string_view known : {kOrderedDict, kRebuildTensor, kRebuildTyped, kRebuildParameter})
    if (global == known) return known;
  for (const std::string_view known : kStorages)
    if (global == known) return known;
  for (const std::string_view known : kTypes)
    if (global == known) return known;
  return {};
}

std::string dotted(std::string_view global) {
  std::string out(global);
  std::replace(out.begin(), out.end(), ' ', '.');
  return out;
}

}  // namespace

class Unpickler {
 public:
  Unpickler(std::span<const uint8_t> bytes, const std::string& what, std::deque<Value>& values)
      : bytes_(bytes), what_(what), values_(values) {}

  const Value* run() {
    for (;;) {
      const uint8_t opcode = take<uint8_t>();
      if (opcode == '.') return pop();
      if (!constant(opcode) && !container(opcode) && !object(opcode) && !bookkeeping(opcode))
        fail_here(fmt::format("opcode 0x{:02x} is not supported", opcode));
    }
  }

 private:
  // --- opcodes, by what they are about; false: not one of these ---
  // An opcode a line.
  // clang-format off

  bool constant(uint8_t opcode) {
    switch (opcode) {
      case 'N': push(Kind::none); return true;
      case 0x88: push(Kind::boolean, 1); return true;   // NEWTRUE
      case 0x89: push(Kind::boolean, 0); return true;   // NEWFALSE
      case 'J': push(Kind::integer, take<int32_t>()); return true;   // BININT
      case 'K': push(Kind::integer, take<uint8_t>()); return true;   // BININT1
      case 'M': push(Kind::integer, take<uint16_t>()); return true;  // BININT2
      case 0x8a: push(Kind::integer, take_long(take<uint8_t>())); return true;   // LONG1
      case 0x8b: push(Kind::integer, take_long(take<uint32_t>())); return true;  // LONG4
      case 'G': (void)take<uint64_t>(); push(Kind::real); return true;  // BINFLOAT; no state dict needs its value
      case 'X': push_text(Kind::string, take<uint32_t>()); return true;   // BINUNICODE
      case 0x8c: push_text(Kind::string, take<uint8_t>()); return true;   // SHORT_BINUNICODE
      case 0x8d: push_text(Kind::string, take<uint64_t>()); return true;  // BINUNICODE8
      case 'U': push_text(Kind::string, take<uint8_t>()); return true;    // SHORT_BINSTRING
      case 'T': push_text(Kind::string, take<uint32_t>()); return true;   // BINSTRING
      case 'C': push_text(Kind::bytes, take<uint8_t>()); return true;     // SHORT_BINBYTES
      case 'B': push_text(Kind::bytes, take<uint32_t>()); return true;    // BINBYTES
    }
    return false;
  }

  bool container(uint8_t opcode) {
    switch (opcode) {
      case ')': push(Kind::tuple); return true;
      case ']': push(Kind::list); return true;
      case '}': push(Kind::dict); return true;
      case '(': marks_.push_back(stack_.size()); return true;
      case 't': push_items(Kind::tuple, pop_to_mark()); return true;
      case 'l': push_items(Kind::list, pop_to_mark()); return true;
      case 0x85: push_items(Kind::tuple, pop(1)); return true;  // TUPLE1
      case 0x86: push_items(Kind::tuple, pop(2)); return true;  // TUPLE2
      case 0x87: push_items(Kind::tuple, pop(3)); return true;  // TUPLE3
      case 'a': extend(Kind::list, pop(1)); return true;            // APPEND
      case 'e': extend(Kind::list, pop_to_mark()); return true;     // APPENDS
      case 's': extend(Kind::dict, pop(2)); return true;            // SETITEM
      case 'u': extend(Kind::dict, pop_to_mark()); return true;     // SETITEMS
    }
    return false;
  }

  bool object(uint8_t opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string_view module = take_line(), name = take_line();
        push_global(module, name);
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const auto names = pop(2);
        push_global(need(names[0], Kind::string).text, need(names[1], Kind::string).text);
        return true;
      }
      case 'R': {  // REDUCE
        const auto call = pop(2);
        reduce(need(call[0], Kind::global).text, need(call[1], Kind::tuple));
        return true;
      }
      case 'b': {  // BUILD: a state dict's _metadata, the versions of its modules
        pop();
        if (stack_.size() <= floor() || stack_.back()->kind != Kind::dict)
          fail_here("refuses to set the state of anything but a dict");
        return true;
      }
      case 'Q': push_storage(pop()); return true;  // BINPERSID
    }
    return false;
  }

  bool bookkeeping(uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const int protocol = take<uint8_t>(); protocol > 5)
          fail_here(fmt::format("protocol {}, at most 5 is supported", protocol));
        return true;
      case 0x95: (void)take<uint64_t>(); return true;  // FRAME
      case 'q': memo_[take<uint8_t>()] = top(); return true;    // BINPUT
      case 'r': memo_[take<uint32_t>()] = top(); return true;   // LONG_BINPUT
      case 0x94: memo_[uint32_t(memo_.size())] = top(); return true;  // MEMOIZE
      case 'h': recall(take<uint8_t>()); return true;           // BINGET
      case 'j': recall(take<uint32_t>()); return true;          // LONG_BINGET
      case '0': pop(); return true;                             // POP
      case '1': pop_to_mark(); return true;                     // POP_MARK
      case '2': stack_.push_back(top()); return true;           // DUP
    }
    return false;
  }

  // clang-format on

  // --- what a global does ---

  void push_global(std::string_view module, std::string_view name) {
    // A view of a text that stays: the file need not have the two side by side.
    const std::string global = fmt::format("{} {}", module, name);
    const std::string_view known = known_global(global);
    if (known.empty()) fail_here("refuses to call " + dotted(global));
    push(Kind::global).text = known;
  }

  void reduce(std::string_view global, const Value& arguments) {
    const auto& items = arguments.items;
    if (global == kOrderedDict && items.empty()) {
      push(Kind::dict);
    } else if (global == kRebuildTensor && items.size() >= 6) {  // the seventh, metadata, is newer and not needed
      need(items[0], Kind::storage);
      need(items[1], Kind::integer);
      need(items[2], Kind::tuple);
      need(items[3], Kind::tuple);
      push(Kind::tensor).items = {items[0], items[1], items[2], items[3]};
    } else if (global == kRebuildTyped && items.size() >= 7) {  // as above, and the type behind it
      need(items[1], Kind::integer);
      need(items[2], Kind::tuple);
      need(items[3], Kind::tuple);
      const std::string_view type = need(items[6], Kind::global).text;
      if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) fail_here(dotted(type) + " is no type");
      std::vector<Value*> storage = need(items[0], Kind::storage).items;
      storage[0] = items[6];
      push(Kind::storage).items = std::move(storage);
      Value* typed = pop();
      push(Kind::tensor).items = {typed, items[1], items[2], items[3]};
    } else if (global == kRebuildParameter && items.size() == 3) {
      need(items[0], Kind::tensor);
      stack_.push_back(items[0]);
    } else {
      fail_here(fmt::format("refuses to call {} with {} arguments", dotted(global), items.size()));
    }
  }

  // ('storage', class, key, location, numel)
  void push_storage(const Value* id) {
    const auto& items = need(id, Kind::tuple).items;
    if (items.size() != 5 || items[0]->kind != Kind::string || items[0]->text != "storage")
      fail_here("a persistent id is not ('storage', class, key, location, numel)");
    const std::string_view type = need(items[1], Kind::global).text;
    if (std::find(kStorages.begin(), kStorages.end(), type) == kStorages.end())
      fail_here(dotted(type) + " is no storage class");
    need(items[2], Kind::string);
    need(items[4], Kind::integer);
    push(Kind::storage).items = {items[1], items[2], items[3], items[4]};
  }

  // --- the stack ---

  Value& push(Kind kind, int64_t integer = 0) {
    if (values_.size() == kMaxValues) fail_here(fmt::format("more than {} values", kMaxValues));
    Value& value = values_.emplace_back();
    value.kind = kind;
    value.integer = integer;
    stack_.push_back(&value);
    return value;
  }
  void push_text(Kind kind, uint64_t length) {
    const std::string_view text = take_text(length);
    push(kind).text = text;
  }
  void push_items(Kind kind, const std::vector<Value*>& items) { push(kind).items.assign(items.begin(), items.end()); }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }  // what is below belongs to an open MARK

  Value* top() {
    if (stack_.size() <= floor()) fail_here("takes a value from an empty stack");
    return stack_.back();
  }
  Value* pop() {
    Value* value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<Value*> pop(size_t count) {
    std::vector<Value*> out(count);
    for (size_t i = count; i-- > 0;) out[i] = pop();
    return out;
  }
  std::vector<Value*> pop_to_mark() {
    if (marks_.empty()) fail_here("takes values back to a mark that is not there");
    std::vector<Value*> out(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return out;
  }
  void extend(Kind kind, const std::vector<Value*>& items) {
    Value* target = top();
    need(target, kind);
    if (kind == Kind::dict && items.size() % 2 != 0) fail_here("a dict gets a key without a value");
    if (target->items.size() + items.size() > kMaxValues) fail_here(fmt::format("more than {} values", kMaxValues));
    target->items.insert(target->items.end(), items.begin(), items.end());
  }
  void recall(uint32_t slot) {
    const auto it = memo_.find(slot);
    if (it == memo_.end()) fail_here(fmt::format("memo {} was never put", slot));
    stack_.push_back(it->second);
  }

  const Value& need(const Value* value, Kind kind) const {
    if (value->kind != kind) fail_here(fmt::format("has {}, expected {}", name_of(value->kind), name_of(kind)));
    return *value;
  }

  // --- the bytes ---

  template <class T>
  T take() {
    const std::string_view text = take_text(sizeof(T));
    T value;
    std::memcpy(&value, text.data(), sizeof value);
    return value;
  }
  std::string_view take_text(uint64_t length) {
    if (length > bytes_.size() - at_) fail_here("ends in the middle (truncated?)");
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += length;
    return {begin, size_t(length)};
  }
  std::string_view take_line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) fail_here("ends in the middle (truncated?)");
    at_ += end + 1;
    return rest.substr(0, end);
  }
  // Two's complement, little-endian.
  int64_t take_long(uint64_t length) {
    const std::string_view text = take_text(length);
    if (length > 8) fail_here(fmt::format("an int of {} bytes, at most 8 are supported", length));
    uint64_t value = 0;
    for (size_t i = 0; i < length; ++i) value |= uint64_t(uint8_t(text[i])) << (8 * i);
    const bool negative = length > 0 && (uint8_t(text[length - 1]) & 0x80);
    if (negative && length < 8) value |= ~uint64_t(0) << (8 * length);
    return int64_t(value);
  }

  [[noreturn]] void fail_here(const std::string& message) const { fail_input(fmt::format("{}: {}", what_, message)); }

  std::span<const uint8_t> bytes_;
  const std::string& what_;
  std::deque<Value>& values_;
  size_t at_ = 0;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Value*> memo_;
};

Pickle::Pickle(std::span<const uint8_t> bytes, const std::string& what) {
  if (bytes.size() > kMaxBytes)
    fail_input(fmt::format("{}: {} bytes, at most {} are read", what, bytes.size(), kMaxBytes));
  root_ = Unpickler(bytes, what, values_).run();
}

}  // namespace seedstory
