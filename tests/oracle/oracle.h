// The judge of backends: every op in float64, in the plainest loops, and the means to compare a backend with it.
// Shares no code with a backend.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "seedstory/backend.h"

namespace seedstory::oracle {

// What a computed element may be off by: rel |exact| + sum magnitude + abs. Take the numbers from the Error line of
// the kernel; they are derived, not fitted.
struct Tolerance {
  double rel = 0;  // of the exact value: roundings of the result itself
  double sum = 0;  // of the magnitude: what the result would be if nothing in it had cancelled
  double abs = 0;
};

// The exact content of one output, in row-major order, and the magnitude of each element (see Tolerance).
struct Exact {
  std::vector<double> value;
  std::vector<double> magnitude;
};
using Expected = std::map<std::string, Exact>;  // by the name of the field

// Defined for each op of ops.h.
template <class Op>
Expected oracle(const Op& op);

// Numbers of any DType to and from double; into f16 and bf16 with one rounding to nearest even.
double get(DType type, const void* from);
void put(DType type, void* to, double value);

// All of a tensor in row-major order, whatever its strides; of a weight that is not packed, what its numbers stand for.
std::vector<double> read(const Tensor& t);
std::vector<double> read(const Weight& w);

// Of rows that are rounded to int8 in blocks of 32 along the last axis what they then stand for: integers, half to
// even, times the largest size in the block over 127. Below 2^-100 that is 0. The product of the two is rounded to f32.
std::vector<double> rounded_to_int8(const Tensor& x);

// The other way, each rounded to the tensor's type.
void write(const Tensor& t, const std::vector<double>& values);

// Tensors for a test, in host memory, the same for the same seed. Each lies in a block of exactly its size, so that
// a sanitizer sees a step outside.
class Inputs {
 public:
  explicit Inputs(uint64_t seed) : state_(seed) {}
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  Tensor uninitialized(DType type, std::initializer_list<int64_t> dims);  // all bits set, NaN for floats, until written
  Tensor normal(DType type, std::initializer_list<int64_t> dims, double scale = 1);
  Tensor values(DType type, std::initializer_list<int64_t> dims, const std::vector<double>& values);
  Tensor integers(std::initializer_list<int64_t> dims, int64_t below);      // i32 in [0, below)
  Tensor slots(int64_t count, int64_t capacity);                            // i32 (count), distinct, below capacity
  Weight weight(WeightFormat format, std::initializer_list<int64_t> dims);  // normal numbers, or any in blocks

 private:
  uint64_t next();
  double uniform();  // (0, 1)

  uint64_t state_;
  std::vector<void*> blocks_;
};

// An op's tensors copied into a backend's memory, block by block: aliases and gaps stay what they were.
class Transfer {
 public:
  explicit Transfer(Backend& backend) : backend_(backend) {}
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Tensor there(const Tensor& here);
  void fetch();  // after the op: the blocks as the backend left them
  Tensor fetched(const Tensor& here) const;

  // Empty, or what the op wrote outside the outputs.
  std::string damage(const std::vector<Tensor>& outputs) const;

 private:
  struct Block {
    const char* here;
    int64_t bytes;
    void* there;
    std::vector<char> after;
  };
  const Block& block_of(const void* here) const;

  Backend& backend_;
  std::vector<Block> blocks_;
};

// A weight as a loader makes it: uploaded into a block of its own, and packed.
class Packed {
 public:
  Packed(Backend& backend, const Weight& here, WeightUse use);
  ~Packed();
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  const Weight& weight() const { return weight_; }

 private:
  Backend& backend_;
  void* block_;
  Weight weight_;
  std::unique_ptr<PackedWeight> packed_;
};

// Empty, or a description of the worst element.
std::string compare(const char* field, const Tensor& got, const Exact& exact, Tolerance tolerance);

enum class Weights { as_they_are, packed };

// Runs a copy of the op on the backend and hands `use` the transfer with what came back. The op's own tensors stay.
template <class Op, class Use>
void run_copy(Backend& backend, const Op& op, Weights weights, Use&& use) {
  Transfer transfer(backend);
  Op copy = op;
  copy.each([&](const char*, const Tensor& t, Access) {
    if (t) const_cast<Tensor&>(t) = transfer.there(t);
  });
  if constexpr (HasWeight<Op>) {
    if (weights == Weights::packed) {
      const Packed packed(backend, op.w, op.weight_use());
      copy.w = packed.weight();
      backend.run(copy);
    } else {
      backend.run(copy);
    }
  } else {
    backend.run(copy);
  }
  transfer.fetch();
  use(transfer);
}

// One output as the backend computed it, for comparing bits.
template <class Op>
std::vector<double> result(Backend& backend, const Op& op, const std::string& field = "y",
                           Weights weights = Weights::packed) {
  std::vector<double> out;
  run_copy(backend, op, weights, [&](const Transfer& transfer) {
    op.each([&](const char* name, const Tensor& t, Access) {
      if (name == field) out = read(transfer.fetched(t));
    });
  });
  return out;
}

// Empty, or what is wrong: an output off by more than the tolerance, or a write outside the outputs. `exact` is the op
// that is compared with.
template <class Op>
std::string mismatch(Backend& backend, const Op& op, Tolerance tolerance, Weights weights, const Op& exact) {
  std::string wrong;
  run_copy(backend, op, weights, [&](const Transfer& transfer) {
    const Expected expected = oracle(exact);
    std::vector<Tensor> outputs;
    op.each([&](const char* field, const Tensor& t, Access access) {
      if (!t || access == Access::in) return;
      outputs.push_back(t);
      wrong += compare(field, transfer.fetched(t), expected.at(field), tolerance);
    });
    wrong += transfer.damage(outputs);
  });
  if (!wrong.empty()) wrong = std::string(Op::name) + " on " + backend.name() + ": " + wrong;
  return wrong;
}

template <class Op>
std::string mismatch(Backend& backend, const Op& op, Tolerance tolerance, Weights weights = Weights::as_they_are) {
  return mismatch(backend, op, tolerance, weights, op);
}

}  // namespace seedstory::oracle
