// Multiply-adds that wait for nothing but each other, as many chains as registers allow. Each fma_*.cpp is built with
// the flags of its instruction set.
#pragma once

#include <cstdint>

namespace seedstory {

inline constexpr int kChains = 10;  // latency 4 times two units, and some

// Vector: of a register's size. What comes back is only there to be used.
template <class Vector>
float fma_loop(int64_t rounds, float factor) {
  Vector chain[kChains];  // each from another start, or the compiler would compute one for all
  for (int i = 0; i < kChains; ++i) chain[i] = Vector{} + factor * float(i);
  const Vector a = Vector{} + factor, b = Vector{} + 1e-3f;
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 10
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * a + b;
  Vector sum = {};
  for (int i = 0; i < kChains; ++i) sum += chain[i];
  return sum[0];
}

struct FmaLoop {
  float (*run)(int64_t rounds, float factor);
  double a_round;  // multiply-adds
};

template <class Vector>
constexpr FmaLoop kFmaLoop = {.run = fma_loop<Vector>, .a_round = kChains* double(sizeof(Vector) / sizeof(float))};

// For the same instruction sets as the CPU's kernels; the last two multiply in bf16.
extern const FmaLoop kPortableFma, kAvx2Fma, kAvx512Fma, kAvx512Bf16Fma, kAmxFma;

}  // namespace seedstory
