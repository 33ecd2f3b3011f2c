// What kernels make of the numbers of a packed weight (../kernels/block_panels.h).
#pragma once

#include "vec.cuh"

namespace seedstory {

// A float whose last bits are free: with a small number in them it is that much more, 1024 in f16, 128 in bf16.
template <class T>
inline constexpr uint32_t kMagic = std::is_same_v<T, f16> ? 0x64006400 : 0x43004300;
template <class T>
inline constexpr uint32_t kOne = std::is_same_v<T, f16> ? 0x3c003c00 : 0x3f803f80;
// The same with the other sign, and `by` more.
template <class T>
__host__ __device__ constexpr uint32_t less_magic(uint32_t by) {
  return kMagic<T> | 0x80008000 | by * 0x00010001;
}

// Four numbers of q8, a byte each, as two pairs of T. None is rounded: T has 8 bits and more.
template <class T>
__device__ void unpack_q8(uint32_t* pairs, uint32_t bytes) {
  if constexpr (std::is_same_v<T, f16>) {
    bytes ^= 0x80808080;  // plus 128, without a sign
    pairs[0] = fma_pair<T>(permute_bytes<0x4140>(bytes, kMagic<T> >> 8), kOne<T>, less_magic<T>(128));
    pairs[1] = fma_pair<T>(permute_bytes<0x4342>(bytes, kMagic<T> >> 8), kOne<T>, less_magic<T>(128));
  } else {
    // 7 bits are free: of a number below zero they say 128 more, and its sign's bit doubles what is taken away.
    for (int i = 0; i < 2; ++i) {
      const uint32_t pair = i == 0 ? permute_bytes<0x4140>(bytes, 0) : permute_bytes<0x4342>(bytes, 0);
      pairs[i] = fma_pair<T>((pair & 0x007f007f) | kMagic<T>, kOne<T>, (pair & 0x00800080) | less_magic<T>(0));
    }
  }
}

// Eight numbers of q4, a word, as four pairs of T.
template <class T>
__device__ void unpack_q4(uint32_t* pairs, uint32_t word) {
  for (int i = 0; i < 4; ++i)
    pairs[i] = fma_pair<T>((word >> i * 4 & 0x000f000f) | kMagic<T>, kOne<T>, less_magic<T>(8));
}

// The 8 numbers that a lane has of 32 of k of a row, in two words of q8 or one of q4, as four pairs of T.
template <class T, int kBits>
__device__ void unpack(uint32_t* pairs, const uint32_t* words) {
  if constexpr (kBits == 8)
    unpack_q8<T>(pairs, words[0]), unpack_q8<T>(pairs + 2, words[1]);
  else
    unpack_q4<T>(pairs, words[0]);
}

}  // namespace seedstory
