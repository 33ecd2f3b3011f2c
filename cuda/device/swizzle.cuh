// Where a 16-byte chunk of a tile lies in shared memory.
#pragma once

#include "gpu.cuh"

namespace seedstory {

// A tile's row is kChunks chunks: 4 (64 bytes) or 8 (128 bytes). ldmatrix reads one chunk of 8 rows at once, and shared
// memory gives 8 chunks at once if they differ modulo 8. Plain rows do not; with the chunk number xored they do, also
// when a row is written chunk after chunk:
//
//   row   kChunks = 4: chunk at   group of 8       (the 64-byte rows share a line of 128 bytes in pairs)
//   0, 1  0 1 2 3 | 0 1 2 3       chunk 0 of the 8 rows: 0 4  1 5  2 6  3 7
//   2, 3  1 0 3 2 | 1 0 3 2
//   4, 5  2 3 0 1 | 2 3 0 1
//   6, 7  3 2 1 0 | 3 2 1 0
template <int kChunks>
__device__ int swizzled(int row, int chunk) {
  static_assert(kChunks == 4 || kChunks == 8);
  return row * kChunks + (chunk ^ row / (8 / kChunks) % kChunks);
}

}  // namespace seedstory
