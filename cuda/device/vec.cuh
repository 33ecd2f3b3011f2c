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

// kSize floats, four at a time where they are so many: then `from` is a multiple of 16 bytes.
template <int kSize>
__device__ void load_floats(float (&to)[kSize], const float* from) {
  using Part = Vec<float, kSize % 4 == 0 ? 4 : 1>;
  for (int i = 0; i < kSize; i += Part::size) {
    const Part part = load_vec<Part>(from + i);
    for (int j = 0; j < Part::size; ++j) to[i + j] = part.v[j];
  }
}

// The same the other way.
template <int kSize>
__device__ void store_floats(float* to, const float (&from)[kSize]) {
  using Part = Vec<float, kSize % 4 == 0 ? 4 : 1>;
  for (int i = 0; i < kSize; i += Part::size) {
    Part part;
    for (int j = 0; j < Part::size; ++j) part.v[j] = from[i + j];
    store_vec(to + i, part);
  }
}

__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace seedstory
