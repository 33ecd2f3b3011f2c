// Where weights come from, as the models see it: names to stored tensors. io/ makes them from files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seedstory/weight.h"

namespace seedstory {

// A tensor as a file holds it: f32, f16, bf16, a weight in q8 or q4, or i8 in blocks of 32 consecutive values with one
// f16 scale each. The bytes belong to the source (usually a mapped file) and are never written.
struct StoredTensor {
  Tensor values;                         // host memory; strides as stored
  Tensor scale;                          // f16: Weight::scales, or (ceil(numel / 32)) for i8 of consecutive values
  std::string file;                      // for error messages
  std::optional<double> rms_error = {};  // of q8 and q4, over what was rounded; absent: the file does not say

  // q8 or q4: what a Weight of that format is.
  bool has_blocks() const { return scale.rank > 1; }
  Weight weight() const { return {values, scale}; }
};

// A tensor of a type, or with a number of axes, that no weight has. Its numbers are not read.
struct UnreadTensor {
  std::string type;  // as safetensors names it: F64, F8_E4M3, I64, ...
  std::vector<int64_t> shape;
  int64_t bytes = 0;
  std::string file;

  std::string str() const {  // "F64(2, 64)"
    std::string s = type + "(";
    for (size_t axis = 0; axis < shape.size(); ++axis) s += (axis ? ", " : "") + std::to_string(shape[axis]);
    return s + ")";
  }
};
using UnreadTensors = std::map<std::string, UnreadTensor, std::less<>>;

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual const StoredTensor* find(std::string_view name) const = 0;  // null: not there
  virtual UnreadTensors unread() const { return {}; }                 // what find() does not give

  // These bytes of a tensor are read, and will hardly be once more: the memory that they take may go. They stay there:
  // who does read them again waits for the file.
  virtual void let_go(const void* /*bytes*/, int64_t /*count*/) const {}
};

// A source that holds its tensors by name; whose bytes they are is for those who fill it to say.
class TensorMap : public TensorSource {
 public:
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, tensor] : tensors) out.push_back(name);
    return out;
  }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
  UnreadTensors unread() const override { return unread_tensors; }

  std::map<std::string, StoredTensor, std::less<>> tensors;
  UnreadTensors unread_tensors;
};

}  // namespace seedstory
