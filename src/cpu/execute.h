// What CpuBackend hands to its ops, and the ops.
#pragma once

#include "cpu/packed_weights.h"
#include "cpu/scratch.h"
#include "cpu/thread_pool.h"
#include "seedstory/ops.h"

namespace seedstory::cpu {

struct Crew {
  ThreadPool pool;
  Scratch scratch;
  Scratch gathered;  // Conv2d's rows, beside the product's sums in `scratch`
  PackedWeights weights;
};

// Runs an op whose tensors are of types that the CPU has. Defined for each op of ops.h, in the file of its name or of
// its kind: elementwise.cpp, movement.cpp, tokens.cpp, diffusion.cpp. The linker names what is missing.
template <class Op>
void execute(const Op& op, Crew& crew);

}  // namespace seedstory::cpu
