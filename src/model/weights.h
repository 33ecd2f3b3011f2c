// Weights: tables of names and shapes, and the loader that fills them.
//
// A network's weights are a struct of tensors whose `list` puts every one of them into a WeightTable: one table serves
// the loader, the checks and the converter.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/quantize.h"
#include "seedstory/arena.h"
#include "seedstory/source.h"

namespace seedstory {

// A tensor as a file names it, or some of its rows.
struct Stored {
  std::string name;
  std::vector<int64_t> shape;   // in the file; a leading kAnyRows takes what the file has
  int64_t begin = 0, end = -1;  // rows taken; to the last one
  bool transposed = false;      // the file holds (columns, rows) of what the op wants; two axes, all rows
  std::string other_name;       // a second name that files use
};
inline constexpr int64_t kAnyRows = -1;

// A tensor that stays on the host: only a precomputation needs it.
struct HostTensor {
  std::vector<float> values;
  std::vector<int64_t> shape;

  Tensor view() { return Tensor(values.data(), DType::f32, shape.data(), shape.size()); }
};

class WeightTable {
 public:
  // One of the three is where it goes.
  struct Entry {
    Tensor* tensor = nullptr;  // f32; a table is of the activations' type
    Weight* weight = nullptr;  // of a product, in the format of LoadOptions
    HostTensor* host = nullptr;
    std::vector<Stored> parts;  // stacked along axis 0
    WeightUse use = {};         // of a weight
    bool is_table = false;      // of Embed: what it holds become activations
  };

  void add(Tensor& to, Stored stored) { add(to, std::vector{std::move(stored)}); }
  void add(Tensor& to, std::vector<Stored> stacked) {
    entries_.push_back({.tensor = &to, .parts = std::move(stacked)});
  }
  void add_table(Tensor& to, Stored stored) {
    entries_.push_back({.tensor = &to, .parts = {std::move(stored)}, .is_table = true});
  }
  void add(Weight& to, Stored stored, WeightUse use) { add(to, std::vector{std::move(stored)}, use); }
  void add(Weight& to, std::vector<Stored> stacked, WeightUse use) {
    entries_.push_back({.weight = &to, .parts = std::move(stacked), .use = use});
  }
  void add(HostTensor& to, Stored stored) { entries_.push_back({.host = &to, .parts = {std::move(stored)}}); }

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// The memory of one network's weights: one block of a backend, and what that made of them.
class WeightBlock {
 public:
  WeightBlock() = default;
  WeightBlock(Backend& backend, int64_t bytes) : backend_(&backend), arena_(std::make_unique<Arena>(backend, bytes)) {}
  WeightBlock(WeightBlock&& other) noexcept { *this = std::move(other); }
  WeightBlock& operator=(WeightBlock&& other) noexcept {
    std::swap(backend_, other.backend_), std::swap(arena_, other.arena_), std::swap(packed_, other.packed_);
    return *this;
  }

  Tensor make(DType type, const std::vector<int64_t>& shape);
  Weight make(WeightFormat format, const std::vector<int64_t>& shape, WeightUse use);
  void pack(Weight& weight, WeightUse use);
  int64_t bytes() const { return arena_ ? arena_->peak_bytes() : 0; }

 private:
  Backend* backend_ = nullptr;
  std::unique_ptr<Arena> arena_;
  std::vector<std::unique_ptr<PackedWeight>> packed_;  // gone before their memory
};

// The number types of a network: of its weights, and of the activations that pass through it. Beside 16-bit activations
// weights are of their type, q8 or q4.
struct NumberTypes {
  // Of the weights of linear layers and convolutions, but for kStays16 (quantize.h); vectors are f32.
  WeightFormat weights = WeightFormat::f32;
  DType activations = DType::f32;  // f32, f16 or bf16
};

struct LoadOptions {
  NumberTypes types;
  std::optional<double> lora_alpha;  // merge lora_A and lora_B (see lora.h)
  std::vector<KeepRule> keep = {};   // beside q8 and q4 (format_of in quantize.h)
};

// Puts the tensors of one file, or of one part of it, on a backend. What is missing, misshapen or unexpected is
// collected and thrown as one ErrorKind::input.
class WeightLoader {
 public:
  // `part` names the network in messages: "vit", "llm".
  WeightLoader(Backend& backend, const TensorSource& source, std::string part, LoadOptions options = {});

  // Says of a name that no table has: it may be there and is not looked at.
  using Ignored = std::function<bool(std::string_view)>;
  WeightBlock load(const WeightTable& table, const Ignored& ignored = {}) const;

  // For who writes the tensors on instead of loading them. Nothing is checked: load() on a DryBackend does that.
  const StoredTensor* find(const Stored& stored) const;  // null: not there
  bool has_factors(const Stored& stored) const;          // of LoRA, which read() merges
  WeightFormat format_of(const WeightTable::Entry& entry) const;
  // Rows of those that `stored` names, as the op wants them; lets them go.
  void read(const Stored& stored, int64_t first, int64_t count, float* out) const;
  // The memory that rows of a stored tensor, as the file has them, take (TensorSource::let_go).
  void let_go(const Stored& stored, int64_t first, int64_t count) const;

  Backend& backend() const { return backend_; }
  DType activations() const { return options_.types.activations; }

 private:
  struct Report;
  void check(const Stored& stored, bool is_linear, Report& report) const;
  void check_blocks(const WeightTable::Entry& entry, Report& report) const;
  std::string block_problem(const WeightTable::Entry& entry, const Stored& stored) const;
  void check(const WeightTable& table, const Ignored& ignored) const;
  // Some rows of what a file holds, and where they go: `to` on the backend, or the host's.
  struct Piece {
    const Stored* stored;
    int64_t first, count;
    Weight to;
    float* host;
  };
  std::vector<Piece> pieces(const WeightTable::Entry& entry, WeightBlock& block) const;
  void load(const Piece& piece) const;
  void let_go(const WeightTable::Entry& entry) const;
  Weight blocks(const Piece& piece) const;
  DType type_of(const WeightTable::Entry& entry) const;
  int64_t bytes_of(const WeightTable::Entry& entry) const;

  Backend& backend_;
  const TensorSource& source_;
  std::string part_;
  LoadOptions options_;
};

// Numbers [first, first + count) of a stored tensor as f32, in row-major order whatever its strides.
void to_f32(const StoredTensor& stored, int64_t first, int64_t count, float* out);

// All of a tensor in the backend's memory as f32, in row-major order, whatever its float type and strides.
std::vector<float> values_of(Backend& backend, const Tensor& t);

// The other way: f32 in row-major order, rounded to the float type of `t`, which must be contiguous.
void upload_values(Backend& backend, const Tensor& t, const float* values);

// "; did you mean 'module.conv_in.weight' for 'conv_in.weight'?": a name that has a prefix more, as wrappers of modules
// put it, or one less. Empty: the source has none.
std::string did_you_mean(const TensorSource& source, std::string_view missing);

// The shape of a stored tensor, as a vector.
std::vector<int64_t> shape_of(const Tensor& t);

}  // namespace seedstory
