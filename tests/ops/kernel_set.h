// A set of kernels and the CPU's backends that compute with it.
#pragma once

#include <memory>
#include <vector>

#include "cpu/cpu_backend.h"
#include "ops/emulated_bf16.h"

namespace seedstory {

struct KernelSet {
  const cpu::Kernels& kernels;
  std::vector<std::unique_ptr<Backend>> backends;  // of 1, 2 and 3 threads
  std::vector<std::unique_ptr<Backend>> in_f32;    // the same, whose products of q8 and q4 are

  explicit KernelSet(const cpu::Kernels& set) : kernels(set) {
    for (int threads : {1, 2, 3}) {
      backends.push_back(cpu::make_backend(threads, set));
      in_f32.push_back(cpu::make_backend(threads, set, Products::f32));
    }
  }
};

inline const KernelSet& best_set() {
  static const KernelSet set(*cpu::kernel_sets().front());
  return set;
}

inline const KernelSet& emulated_bf16_set() {
  static const KernelSet set(cpu::emulated_bf16());
  return set;
}

// A product by a weight of any format, in f32 and in integers. The second is as near to the oracle on rounded rows: a
// block has one rounding of its scales and one of its sum, where the first has 32.
template <class Op>
void expect_product(const KernelSet& set, const Op& op, Tolerance tolerance) {
  using oracle::Weights;
  if (!op.w.scales) return expect_matches_oracle(op, tolerance, set.backends);
  expect_matches_oracle(op, tolerance, set.in_f32);
  Inputs in(9);
  Op rounded = op;
  rounded.x = in.uninitialized(DType::f32, {op.x.numel()});
  rounded.x = Tensor(rounded.x.data, DType::f32, op.x.dim, size_t(op.x.rank));
  oracle::write(rounded.x, oracle::rounded_to_int8(op.x));
  for (const auto& backend : set.backends)
    for (const auto weights : {Weights::as_they_are, Weights::packed})
      CHECK(oracle::mismatch(*backend, op, tolerance, weights, rounded) == "");
}

}  // namespace seedstory
