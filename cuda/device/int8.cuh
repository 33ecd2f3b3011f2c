// What rows in int8 and their products share.
#pragma once

#include "gpu.cuh"
#include "seedstory/weight.h"

namespace seedstory {

// From 2^23 to 2^24 a float counts ones. A number below 2^22 in size that is added to kShift is rounded to an integer,
// half to even, which stands in the low bits; and an integer that is added to kShiftBits is, seen as a float, kShift
// and the integer. Neither needs an instruction that converts, of which a card does a few at a time.
inline constexpr float kShift = 0x1.8p23f;
inline constexpr int32_t kShiftBits = 0x4b400000;

__device__ inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
__device__ inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

// Rows in int8: (rows, k), k whole blocks, and the scales of all rows in a block beside each other: (k / 32, stride).
struct Int8Rows {
  int8_t* values;
  float* scales;
  int64_t stride;  // whole 16 bytes

  static int64_t stride_of(int64_t rows) { return (rows + 3) / 4 * 4; }
  // Of a block of memory that holds them: the values, then the scales.
  static int64_t bytes(int64_t rows, int64_t k) {
    return aligned(rows * k) + k / kWeightBlock * stride_of(rows) * int64_t(sizeof(float));
  }
  Int8Rows(void* block, int64_t rows, int64_t k)
      : values(static_cast<int8_t*>(block)),
        scales(reinterpret_cast<float*>(values + aligned(rows * k))),
        stride(stride_of(rows)) {}
};

}  // namespace seedstory
