// What CpuBackend hands to its ops, and the ops.
#pragma once

#include "cpu/gemm/packed_weights.h"
#include "seedstory/ops.h"

namespace seedstory::cpu {

// The threads and scratch that a matrix product needs are ExecContext's; an op has the packed weights as well.
struct OpContext : ExecContext {
  explicit OpContext(int threads) : ExecContext(threads) {}
  PackedWeights weights;
};

// Runs an op whose tensors are of types that the CPU has. Defined for each op of ops.h, in the file of its name or of
// its kind: elementwise.cpp, convert_gather.cpp, token_reductions.cpp, diffusion_step.cpp. The linker names what is
// missing.
template <class Op>
void execute(const Op& op, OpContext& context);

}  // namespace seedstory::cpu
