// Networks of made-up numbers, for what needs no reference: sizes, names, errors.
#pragma once

#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "model/weights.h"

namespace seedstory {

// Tensors by name in memory.
class MapSource final : public TensorMap {
 public:
  void add(const std::string& name, const std::vector<int64_t>& shape, std::vector<float> values) {
    std::vector<float>& kept = values_.emplace_back(std::move(values));
    tensors[name] = {
        .values = Tensor(kept.data(), DType::f32, shape.data(), shape.size()), .scale = {}, .file = "made"};
  }
  void add(const std::string& name, StoredTensor stored) { tensors[name] = stored; }
  void remove(const std::string& name) { tensors.erase(name); }

 private:
  std::deque<std::vector<float>> values_;
};

// Numbers in [-1, 1] that look random and are the same everywhere.
inline std::vector<float> made_values(int64_t count, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = seed * 2654435761u + 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = float(state >> 8) / float(1 << 23) - 1;
  }
  return values;
}

// Every tensor that a table names. Weights shrink with their rows, so that activations keep their size; "any rows" are
// `any_rows`.
inline MapSource made_source(const WeightTable& table, int64_t any_rows = 16) {
  MapSource source;
  uint32_t seed = 1;
  for (const auto& entry : table.entries())
    for (const Stored& part : entry.parts) {
      std::vector<int64_t> shape = part.shape;
      if (shape[0] == kAnyRows) shape[0] = any_rows;
      int64_t count = 1;
      for (int64_t d : shape) count *= d;
      std::vector<float> values = made_values(count, seed++);
      if (shape.size() > 1)
        for (float& v : values) v /= std::sqrt(float(count / shape[0]));
      source.add(part.name, shape, std::move(values));
    }
  return source;
}

// The source of a network's own table.
template <class Weights, class Config>
MapSource made_source(const Config& config) {
  Weights weights;
  WeightTable table;
  weights.list(table, config);
  return made_source(table);
}

}  // namespace seedstory
