// Reads a pickle as data. Nothing is imported and nothing is called: the few globals that a state dict needs are
// known by name, and every other one is an error that says its name.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace seedstory {

struct PickleValue {
  enum class Kind : uint8_t { none, boolean, integer, real, string, bytes, tuple, list, dict, global, storage, tensor };
  Kind kind = Kind::none;
  int64_t integer = 0;              // boolean, integer
  std::string_view text;            // string, bytes; global: "torch FloatStorage", as the file has it
  std::vector<PickleValue*> items;  // tuple, list; dict: key, value, key, ...
                                    // storage: the persistent id, (class, key, location, numel)
                                    // tensor: storage, offset, size, stride
};

const char* name_of(PickleValue::Kind kind);

// Owns the values; their texts are views of the pickle's bytes.
class Pickle {
 public:
  // `what` begins the error messages. ErrorKind::input for anything not understood.
  Pickle(std::span<const uint8_t> bytes, const std::string& what);

  const PickleValue& root() const { return *root_; }

 private:
  friend class Unpickler;
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
};

}  // namespace seedstory
