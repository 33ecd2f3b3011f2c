// Products on the tensor cores: the main loop that Linear, GatedLinear and Conv2d share. Two operands whose k is
// contiguous, x (rows, k) and w (cols, k), give a tile of sums, x wT; epilogue.cuh takes it from there.
//
// k comes kDepth at a time through a ring in shared memory. Where it comes from is a source's to say, one for x and one
// for w. A source is a value that each thread holds, with
//
//   void fetch(Vec<T>* stage)   starts to bring this thread's pieces of the next kDepth of k into a stage, and moves on
//
// A tile has rows of kChunks pieces of 16 bytes; Pieces says which of them are a thread's and where they lie in a
// stage. How many a thread has is a constant, and all of its pieces are the same chunk of different rows: a source
// computes its addresses once, in its constructor, and in fetch() adds to them. What is outside of the operand must be
// zero along k; a row of the tile that the operand does not have may hold anything, but must not be read from outside
// of it. The order of k is the source's as well; an element's sum takes it 16 by 16 from zero, whatever the tile.
// MatrixRows below is a source; a convolution's has a pointer for each pixel and steps through taps and channels.
#pragma once

#include "../choose.h"
#include "../gemm_tiles.h"
#include "swizzle.cuh"
#include "vec.cuh"

namespace seedstory {

inline constexpr int kChunks = 4;  // 16-byte pieces in a row of a stage, which swizzled() keeps free of bank conflicts
inline constexpr int kStages = 4;  // three on their way while one is multiplied

// Where this thread's warp is in the tile.
template <class Tile>
__device__ int warp_row() {
  return int(threadIdx.x) / kWarp / Tile::warps_across * Tile::warp_rows;
}
template <class Tile>
__device__ int warp_col() {
  return int(threadIdx.x) / kWarp % Tile::warps_across * Tile::warp_cols;
}

// What a thread holds of a tile: d of mma, 16 rows by 8 columns each.
template <class Tile>
using Sums = float[Tile::warp_rows / 16][Tile::warp_cols / 8][4];

template <class T, class Tile>
struct Ring {
  Vec<T> x[kStages][Tile::rows * kChunks];
  Vec<T> w[kStages][Tile::cols * kChunks];
};

// The pieces of a tile of kRows rows that are this thread's: chunk chunk() of row(0), row(1), ..., row(count - 1).
template <int kRows, int kThreads>
struct Pieces {
  static constexpr int count = int(ceil_div(kRows * kChunks, kThreads));
  static constexpr int rows_apart = kThreads / kChunks;
  static_assert(kThreads % (8 * kChunks) == 0);  // then swizzled() has the same chunk for all of them

  static __device__ int chunk() { return int(threadIdx.x) % kChunks; }
  static __device__ int row(int i) { return int(threadIdx.x) / kChunks + i * rows_apart; }
  static __device__ bool exists(int i) { return kRows % rows_apart == 0 || row(i) < kRows; }
  // In a stage.
  static __device__ int at(int i) { return swizzled<kChunks>(row(0), chunk()) + i * rows_apart * kChunks; }
};

// A source: rows of a matrix, a tile's row r being its row first(r), or none where that is negative. kAligned: rows
// start at multiples of 16 bytes, and k is a multiple of 16 bytes too; otherwise elements are loaded one by one.
template <class T, int kRows, int kThreads, bool kAligned>
class MatrixRows {
  using Mine = Pieces<kRows, kThreads>;

 public:
  template <class RowOf>
  __device__ MatrixRows(const T* matrix, int64_t stride, int64_t k, RowOf&& row_of) {
    const int col = Mine::chunk() * Vec<T>::size;
    for (int i = 0; i < Mine::count; ++i) {
      const int64_t row = Mine::exists(i) ? row_of(Mine::row(i)) : -1;
      from_[i] = matrix + (row < 0 ? 0 : row * stride + col);
      left_[i] = row < 0 ? 0 : int(k) - col;
    }
  }

  __device__ void fetch(Vec<T>* stage) {
#pragma unroll
    for (int i = 0; i < Mine::count; ++i) {
      if (Mine::exists(i)) {
        Vec<T>* const to = stage + Mine::at(i);
        if constexpr (kAligned) {
          copy_async(to, from_[i], left_[i] > 0 ? 16 : 0);
        } else {
          Vec<T> piece;
          for (int j = 0; j < Vec<T>::size; ++j) piece.v[j] = j < left_[i] ? from_[i][j] : from_float<T>(0);
          store_vec(to, piece);
        }
      }
      from_[i] += kChunks * Vec<T>::size;
      left_[i] -= kChunks * Vec<T>::size;
    }
  }

 private:
  const T* from_[Mine::count];
  int left_[Mine::count];  // elements of the row from there on; none where it is not positive
};

// A ring's stages, one after the other: fetch(stage) starts to bring what is multiplied next, use(stage) multiplies
// what is there. Who calls: the whole block. The ring may be used for something else after the caller's next
// __syncthreads(): no copy is on its way any more.
template <class Fetch, class Use>
__device__ void through_ring(int steps, Fetch&& fetch, Use&& use) {
  const auto fetch_stage = [&](int step) {
    if (step < steps) fetch(unsigned(step) % kStages);
    copy_async_commit();  // also an empty group: then the count in the wait below is right to the end
  };

#pragma unroll 1
  for (int step = 0; step < kStages - 1; ++step) fetch_stage(step);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    // Everyone's pieces of this stage are there to be read; and everyone has read the stage before, which is the one
    // that the next line overwrites.
    __syncthreads();
    fetch_stage(step + kStages - 1);
    use(unsigned(step) % kStages);
  }
}

// sum += x wT over `steps` of kDepth. Who calls: the whole block. Who gets the sums: each thread its part of the
// tile's. Then the ring is as through_ring() leaves it.
template <class T, class Tile, class XSource, class WSource>
__device__ void multiply(Sums<Tile>& sum, Ring<T, Tile>& ring, XSource& x, WSource& w, int steps) {
  const int lane = int(threadIdx.x) % kWarp;
  constexpr int kDown = Tile::warp_rows / 16, kAcross = Tile::warp_cols / 8;
  constexpr bool kOdd = kAcross % 2 != 0;
  // Of the first 16 rows, and of both halves of a stage; 16 rows further the swizzle is the same.
  int x_at[2], w_at[2];
  for (int half = 0; half < 2; ++half) {
    // Matrices 0 and 1 are rows 0-7 and 8-15 of the first chunk, 2 and 3 of the second: mma's a.
    x_at[half] = swizzled<kChunks>(warp_row<Tile>() + lane % 16, half * 2 + lane / 16);
    // Matrices 0 and 1 are both chunks of columns 0-7, 2 and 3 of columns 8-15: mma's b twice.
    w_at[half] = swizzled<kChunks>(warp_col<Tile>() + lane / 16 * 8 + lane % 8, half * 2 + lane / 8 % 2);
  }
  // The last 8 of an odd number of columns: all four chunks, b of both halves.
  const int last_at = swizzled<kChunks>(warp_col<Tile>() + (kAcross - 1) * 8 + lane % 8, lane / 8);

  const auto fetch = [&](unsigned stage) { x.fetch(ring.x[stage]), w.fetch(ring.w[stage]); };
  const auto use = [&](unsigned stage) {
    const Vec<T>* const x_stage = ring.x[stage];
    const Vec<T>* const w_stage = ring.w[stage];
    uint32_t last_frag[4];
    if constexpr (kOdd) ldmatrix(last_frag, w_stage + last_at);
#pragma unroll
    for (int half = 0; half < 2; ++half) {  // 16 of k
      uint32_t x_frag[kDown][4];
      for (int i = 0; i < kDown; ++i) ldmatrix(x_frag[i], x_stage + x_at[half] + i * 16 * kChunks);
      uint32_t w_frag[kAcross / 2][4];
      for (int j = 0; j < kAcross / 2; ++j) ldmatrix(w_frag[j], w_stage + w_at[half] + j * 16 * kChunks);
      for (int i = 0; i < kDown; ++i) {
        for (int j = 0; j < kAcross / 2 * 2; ++j)
          mma<T>(sum[i][j], x_frag[i], {w_frag[j / 2][j % 2 * 2], w_frag[j / 2][j % 2 * 2 + 1]});
        if constexpr (kOdd) mma<T>(sum[i][kAcross - 1], x_frag[i], {last_frag[half * 2], last_frag[half * 2 + 1]});
      }
    }
  };
  through_ring(steps, fetch, use);
}

}  // namespace seedstory
