// What kernels of 1 to 8 rows share: 16 rows of w a block are mma's a, 8 rows of x the columns of its b. The 8 warps
// take turns along k, a lane having 8 neighbours of each 32 of k; their sums are added in order.
#pragma once

#include "epilogue.cuh"

namespace seedstory {

inline constexpr int64_t kGemvRows = 8;  // of x
inline constexpr int kGemvWarps = 8, kGemvThreads = kGemvWarps * kWarp;
inline constexpr int kGemvWeightRows = 16;  // of a block; with a gate 8 of them are the gates of the other 8
template <bool kGate>
inline constexpr int kGemvCols = kGate ? kGemvWeightRows / 2 : kGemvWeightRows;  // of y

struct GemvSums {
  // 4 columns more than there are: what lanes of mma hold falls into different banks.
  float at[kGemvWarps][kGemvRows][kGemvWeightRows + 4];
};

// 8 elements of a row, from `at` on, as mma's pairs; zeros for a row that is null, and from element k on.
template <class T, bool kAligned>
__device__ Vec<uint32_t> load_piece(const T* row, int64_t at, int64_t k) {
  if (!row || at >= k) return {};
  if constexpr (kAligned) {
    return load_vec<Vec<uint32_t>>(row + at);
  } else {
    Vec<T> elements;
    for (int i = 0; i < Vec<T>::size; ++i) elements.v[i] = at + i < k ? row[at + i] : from_float<T>(0);
    Vec<uint32_t> pairs;
    memcpy(&pairs, &elements, sizeof(pairs));
    return pairs;
  }
}

// sum += w x over the 32 of k of which a lane has 8, four pairs: of row lane / 4 of w, of the row 8 further, w_8, and
// of column lane / 4 of x.
// mma takes the pairs of a lane to be 2 and 2 of 16 neighbours in k. They are 4 of a lane's 8, in a and in b: which k
// is called which does not matter to the sum.
template <class T>
__device__ void multiply_piece(float (&sum)[4], const uint32_t (&w)[4], const uint32_t (&w_8)[4],
                               const uint32_t (&x)[4]) {
  for (int pair = 0; pair < 4; pair += 2) {
    const uint32_t w_frag[4] = {w[pair], w_8[pair], w[pair + 1], w_8[pair + 1]};
    const uint32_t x_frag[2] = {x[pair], x[pair + 1]};
    mma<T>(sum, w_frag, x_frag);
  }
}

// Ends the product: the warps' sums to columns [first_col, first_col + kGemvCols) of y. Who calls: the whole block,
// once.
template <class T, bool kGate>
__device__ void finish_gemv(const Epilogue& e, GemvSums& sums, const float (&sum)[4], int64_t first_col) {
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  for (int i = 0; i < 4; ++i) sums.at[warp][lane % 4 * 2 + i % 2][i / 2 * 8 + lane / 4] = sum[i];
  __syncthreads();  // every warp's sums are there to be added up
  const int token = int(threadIdx.x) / kGemvCols<kGate>, at = int(threadIdx.x) % kGemvCols<kGate>;
  if (token >= e.rows || first_col + at >= e.cols) return;
  const auto total = [&](int weight_row) {
    float all = 0;
    for (int i = 0; i < kGemvWarps; ++i) all += sums.at[i][token][weight_row];
    return all;
  };
  const float value = total(at), gate = kGate ? total(kGemvCols<kGate> + at) : 0;
  Columns<T, kGate, 1>(e, first_col + at).finish(e, e.row(token), &value, &gate);
}

}  // namespace seedstory
