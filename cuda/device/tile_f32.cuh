// Products in f32 on the ordinary cores: the tile that Linear, GatedLinear and Conv2d share there. The plain schedule:
// two operands come 16 of k at a time into shared memory, without copies that overlap the multiplications.
#pragma once

#include "vec.cuh"

namespace seedstory {

// Shared memory of a block that computes 64 x 64 sums, a thread 4 x 4 of them.
struct TileF32 {
  static constexpr int size = 64;  // rows and columns of sums in a block
  static constexpr int each = 4;   // rows and columns of sums in a thread
  static constexpr int across = size / each;
  static constexpr int threads = across * across;
  static constexpr int depth = 16;  // of k in a step

  // k runs down, so that a thread reads its 4 neighbours at once; with 4 columns more than the tile's the rows that a
  // warp writes start in different banks.
  using Operand = float[depth][size + 4];
  alignas(16) Operand x;
  alignas(16) Operand w;

  // This thread's first row and column.
  static __device__ int row() { return int(threadIdx.x) / across * each; }
  static __device__ int col() { return int(threadIdx.x) % across * each; }

  // sum += x wT over a step, in order. Who calls: the block, after a barrier since the operands were written.
  __device__ void multiply(float (&sum)[each][each], int row, int col) const {
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const auto of_x = load_vec<Vec<float>>(&x[k][row]);
      const auto of_w = load_vec<Vec<float>>(&w[k][col]);
      for (int i = 0; i < each; ++i)
        for (int j = 0; j < each; ++j) sum[i][j] = fmaf(of_x.v[i], of_w.v[j], sum[i][j]);
    }
  }
};

}  // namespace seedstory
