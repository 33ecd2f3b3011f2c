// What CpuBackend hands to its ops, and the ops: one function each, in the file of the op's name.
#pragma once

#include "cpu/scratch.h"
#include "cpu/thread_pool.h"
#include "seedstory/ops.h"

namespace seedstory::cpu {

struct Crew {
  ThreadPool pool;
  Scratch scratch;
  Scratch gathered;  // Conv2d's rows, beside the product's sums in `scratch`
};

// The ops whose weights may have been brought into panels.
class PackedWeights;
void execute(const Linear&, PackedWeights&, Crew&);
void execute(const Conv2d&, PackedWeights&, Crew&);

void execute(const LayerNorm&, Crew&);
void execute(const AddRmsNorm&, Crew&);
void execute(const GroupNorm&, Crew&);
void execute(const Attention&, Crew&);
void execute(const CacheAttention&, Crew&);
void execute(const NormalizeTokens&, Crew&);
void execute(const MeanTokens&, Crew&);

// elementwise.cpp
void execute(const Add&, Crew&);
void execute(const Activate&, Crew&);
void execute(const SiluMul&, Crew&);
void execute(const GegluMul&, Crew&);

// movement.cpp
void execute(const Copy&, Crew&);
void execute(const Embed&, Crew&);
void execute(const ScatterRows&, Crew&);

// diffusion.cpp
void execute(const Sinusoid&, Crew&);
void execute(const ScaleModelInput&, Crew&);
void execute(const EulerStep&, Crew&);

}  // namespace seedstory::cpu
