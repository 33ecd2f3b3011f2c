// What CpuBackend hands to its ops, and the ops.
#pragma once

#include "cpu/gemm/packed_weights.h"
#include "seedstory/ops.h"

namespace seedstory::cpu {

// Runs an op whose tensors are of types that the CPU has. Defined for each op of ops.h, in the file of its name or of
// its kind: elementwise.cpp, convert_gather.cpp, token_reductions.cpp, diffusion_step.cpp. The linker names what is
// missing.
template <class Op>
void execute(const Op& op, ExecContext& context);

// What it takes of ExecContext::scratch, and beside it, on the context's threads. A function of types and shapes alone:
// no tensor's memory is looked at.
template <class Op>
int64_t scratch_bytes(const Op&, const ExecContext&) {
  return 0;
}
template <>
int64_t scratch_bytes(const Linear& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const GatedLinear& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const Conv2d& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const GroupNorm& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const Attention& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const CacheAttention& op, const ExecContext& context);
template <>
int64_t scratch_bytes(const PickToken& op, const ExecContext& context);

}  // namespace seedstory::cpu
