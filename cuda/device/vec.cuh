// Numbers that travel together: 16 bytes are the most that one access moves.
#pragma once

#include "gpu.cuh"

namespace seedstory {

inline constexpr int kWarp = 32;
inline constexpr unsigned kFullWarp = 0xffffffff;

template <class T, int kSize = 16 / sizeof(T)>
struct alignas(kSize * sizeof(T)) Vec {
  static constexpr int size = kSize;
  T v[kSize];
};

__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace seedstory
