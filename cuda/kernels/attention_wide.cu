// Attention (ops.h):  y <- softmax(scale q kT) v, for f16 and bf16 where a head has more than 128 numbers: the VAE's
// middle block has one of 512, whose y is too much for the registers of a warp.
//
// Work    A block takes 64 queries of a head, its 8 warps together, and goes over the keys 32 at a time. For the scores
//         a warp has 16 queries and 16 keys, for y all 64 queries and 64 numbers of the head; scores and weights go
//         from the one to the other through shared memory. K and V come by turns while the other one is multiplied.
//         Where a block may have no more than 99 KiB of shared memory, it takes 32 queries with 4 warps, and K and V
//         share one buffer: only the softmax hides a copy.
// Limits  Up to 512 numbers a head. Vectors that do not start at multiples of 16 bytes are loaded and stored element by
//         element.
// Error   As attention.cu.
// Bits    Keys are added in order, 32 after 32: a query's bits depend on its q, k, v and the number of keys alone, not
//         on which of the two tiles the card has room for.
#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../device/vec.cuh"
#include "attention.h"

namespace seedstory {
namespace {

constexpr int kDim = 512;
constexpr int kKeys = 32;
constexpr int kOfRow = 4;                     // threads that share the softmax of a query
constexpr int kChunks = kDim / 8;             // of 16 bytes
constexpr int kStride = kChunks | 1;          // of a row: as attention.cu's
constexpr int kWeightStride = kKeys / 8 | 1;  // the same, of weights

template <int kQueries, int kBuffers>
struct Tile {
  static constexpr int queries = kQueries;
  static constexpr int buffers = kBuffers;  // two: V has its own beside K's
  static constexpr int threads = kOfRow * kQueries;
  static constexpr int of_warp = kChunks / (threads / kWarp);  // chunks of y that a warp adds up
  static constexpr int blocks = kQueries / 16;                 // of mma's rows
};
using Large = Tile<64, 2>;  // 64 KiB of q; K and V take as much again: one block an SM
using Small = Tile<32, 1>;  // Rejected: two buffers, 105 KiB; 16 queries and two, which loads K and V twice as often

template <class T, class Tile>
struct Shared {
  Vec<T> q[Tile::queries * kStride];
  Vec<T> kv[Tile::buffers][kKeys * kStride];
  // 8 more than a row has: what lanes hold of 4 rows falls into different banks.
  alignas(16) float score[Tile::queries][kKeys + 8];
  Vec<T> weight[Tile::queries * kWeightStride];
  float factor[Tile::queries];  // of what y holds; at the end, 1 / sum
};

// Starts to bring kRows tokens of a head from token `first` on; zero outside. As attention.cu's.
template <int kRows, class Tile, bool kAligned, class T>
__device__ void fetch(Vec<T>* to, const T* head, int64_t token_stride, int tokens, int dim, int first) {
  constexpr int kRowsAtOnce = Tile::threads / kChunks;
  const int chunk = int(threadIdx.x) % kChunks, first_row = int(threadIdx.x) / kChunks;
  const int col = chunk * Vec<T>::size, inside = min(max(dim - col, 0), Vec<T>::size);
  for (int row = first_row; row < kRows; row += kRowsAtOnce) {
    const int size = first + row < tokens ? inside : 0;
    const T* const from = size > 0 ? head + int64_t(first + row) * token_stride + col : head;
    fetch_piece<kAligned>(to + row * kStride + chunk, from, size);
  }
}

// A warp's 16 queries by 16 keys.
template <class T, class Tile>
__device__ void multiply_keys(Shared<T, Tile>& tile, const Vec<T>* k, int dim) {
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  const int row = warp / 2 * 16, key = warp % 2 * 16;
  float score[2][4] = {};
#pragma unroll 4
  for (int chunk = 0; chunk * Vec<T>::size < dim; chunk += 2) {
    uint32_t q_frag[4], k_frag[4];
    ldmatrix(q_frag, tile.q + (row + lane % 16) * kStride + chunk + lane / 16);
    ldmatrix(k_frag, k + (key + lane / 16 * 8 + lane % 8) * kStride + chunk + lane / 8 % 2);
    const uint32_t keys[2][2] = {{k_frag[0], k_frag[1]}, {k_frag[2], k_frag[3]}};
    for (int n = 0; n < 2; ++n) mma<T>(score[n], q_frag, keys[n]);
  }
  for (int n = 0; n < 2; ++n)
    for (int half = 0; half < 2; ++half)
      store_vec(&tile.score[row + half * 8 + lane / 4][key + n * 8 + lane % 4 * 2],
                Vec<float, 2>{score[n][half * 2], score[n][half * 2 + 1]});
}

// Of the 4 threads that share a query.
template <class Combine>
__device__ float reduce(float v, Combine&& combine) {
  for (int lanes = 1; lanes < kOfRow; lanes *= 2) v = combine(v, __shfl_xor_sync(kFullWarp, v, lanes));
  return v;
}

// Scores of a query become weights: a thread has 8 keys, one chunk.
template <class T, class Tile>
__device__ void weigh(Shared<T, Tile>& tile, OnlineSoftmax& softmax, float scale, int keys) {
  constexpr int kEach = kKeys / kOfRow;
  const int query = int(threadIdx.x) / kOfRow, part = int(threadIdx.x) % kOfRow;
  float score[kEach];
  load_floats(score, &tile.score[query][part * kEach]);
  float top = -INFINITY;
  for (int i = 0; i < kEach; ++i) {
    if (part * kEach + i >= keys) score[i] = -INFINITY;
    top = fmaxf(top, score[i]);
  }
  top = reduce(top, [](float x, float of) { return fmaxf(x, of); });
  const float factor = softmax.raise(top * scale);
  if (part == 0) tile.factor[query] = factor;
  const float offset = softmax.offset() + kHeadroom;
  Vec<T> weights;
  for (int i = 0; i < kEach; ++i) {
    const float weight = exp2_approx(fmaf(score[i], scale, offset));
    softmax.sum += weight;
    weights.v[i] = from_float<T>(weight);
  }
  store_vec(&tile.weight[query * kWeightStride + part], weights);
}

// y[block][chunk] of the warp's chunks: 16 queries by 8 numbers each.
template <class Tile>
using Sums = float[Tile::blocks][Tile::of_warp][4];

// The factor of row lane / 4 + 8 half of a block.
template <class T, class Tile>
__device__ float factor_of(const Shared<T, Tile>& tile, int block, int half) {
  return tile.factor[block * 16 + half * 8 + int(threadIdx.x) % kWarp / 4];
}

template <class T, class Tile>
__device__ void add_values(Sums<Tile>& y, const Shared<T, Tile>& tile, const Vec<T>* v, int dim) {
  const int lane = int(threadIdx.x) % kWarp, first_chunk = int(threadIdx.x) / kWarp * Tile::of_warp;
  uint32_t weight[Tile::blocks][kKeys / 16][4];
#pragma unroll
  for (int b = 0; b < Tile::blocks; ++b) {
    for (int half = 0; half < 2; ++half) {
      const float factor = factor_of(tile, b, half);
      for (int chunk = 0; chunk < Tile::of_warp; ++chunk)
        y[b][chunk][half * 2] *= factor, y[b][chunk][half * 2 + 1] *= factor;
    }
    for (int step = 0; step < kKeys / 16; ++step)
      ldmatrix(weight[b][step], tile.weight + (b * 16 + lane % 16) * kWeightStride + step * 2 + lane / 16);
  }
#pragma unroll
  for (int chunk = 0; chunk < Tile::of_warp; ++chunk) {
    if ((first_chunk + chunk) * Vec<T>::size >= dim) break;
    uint32_t v_frag[4];
    ldmatrix_trans(v_frag, v + lane * kStride + first_chunk + chunk);
    const uint32_t values[2][2] = {{v_frag[0], v_frag[1]}, {v_frag[2], v_frag[3]}};
    for (int b = 0; b < Tile::blocks; ++b)
      for (int step = 0; step < kKeys / 16; ++step) mma<T>(y[b][chunk], weight[b][step], values[step]);
  }
}

template <class T, class Tile, bool kAligned>
__global__ void __launch_bounds__(Tile::threads, 1) attention_wide(const __grid_constant__ AttentionArgs<T> a) {
  Shared<T, Tile>& tile = shared<Shared<T, Tile>>();
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  const int first_query = int(blockIdx.x) * Tile::queries;
  const T* const q = a.q.of(blockIdx.z, blockIdx.y);
  Vec<T>*const k_buffer = tile.kv[0], *const v_buffer = tile.kv[Tile::buffers - 1];
  const auto fetch_k = [&, k = a.k.of(blockIdx.z, blockIdx.y)](int first) {
    if (first < a.keys) fetch<kKeys, Tile, kAligned>(k_buffer, k, a.k.token_stride, a.keys, a.dim, first);
    copy_async_commit();  // also an empty group: a wait counts them
  };
  const auto fetch_v = [&, v = a.v.of(blockIdx.z, blockIdx.y)](int first) {
    fetch<kKeys, Tile, kAligned>(v_buffer, v, a.v.token_stride, a.keys, a.dim, first);
    copy_async_commit();
  };
  Sums<Tile> y = {};
  OnlineSoftmax softmax;  // of query threadIdx.x / 4: the maximum of all its scores, the sum of this thread's weights

  fetch<Tile::queries, Tile, kAligned>(tile.q, q, a.q.token_stride, a.queries, a.dim, first_query);
  fetch_k(0);
  for (int first = 0; first < a.keys; first += kKeys) {
    copy_async_wait<0>();
    __syncthreads();  // K is there; V of the tile before, its weights and factors have been read
    if constexpr (Tile::buffers == 2) fetch_v(first);
    multiply_keys(tile, k_buffer, a.dim);
    __syncthreads();  // K has been read, all scores are there
    if constexpr (Tile::buffers == 2)
      fetch_k(first + kKeys);
    else
      fetch_v(first);
    weigh(tile, softmax, a.scale, a.keys - first);
    // V: with two buffers the next K stays on its way.
    copy_async_wait<Tile::buffers - 1>();
    __syncthreads();  // V, all weights and factors are there
    add_values(y, tile, v_buffer, a.dim);
    if constexpr (Tile::buffers == 1) {
      __syncthreads();  // V has been read
      fetch_k(first + kKeys);
    }
  }

  const float sum = reduce(softmax.sum, [](float x, float of) { return x + of; });
  __syncthreads();  // the last factors have been read
  if (threadIdx.x % kOfRow == 0) tile.factor[threadIdx.x / kOfRow] = 1 / sum;
  __syncthreads();  // the sums are there
  T* const to = a.y.of(blockIdx.z, blockIdx.y);
#pragma unroll
  for (int b = 0; b < Tile::blocks; ++b)
    for (int half = 0; half < 2; ++half) {
      const float by = factor_of(tile, b, half);
      const int query = first_query + b * 16 + half * 8 + lane / 4;
      if (query >= a.queries) continue;
      for (int chunk = 0; chunk < Tile::of_warp; ++chunk) {
        const int col = (warp * Tile::of_warp + chunk) * Vec<T>::size + lane % 4 * 2;
        T* const there = to + query * a.y.token_stride + col;
        const Vec<T, 2> pair = {from_float<T>(y[b][chunk][half * 2] * by),
                                from_float<T>(y[b][chunk][half * 2 + 1] * by)};
        if (kAligned && col + 2 <= a.dim) {
          store_vec(there, pair);
        } else {
          if (col < a.dim) there[0] = pair.v[0];
          if (col + 1 < a.dim) there[1] = pair.v[1];
        }
      }
    }
}

}  // namespace

void launch_attention_wide(const Attention& op, const Queue& queue) {
  const bool aligned =
      has_16_byte_rows(op.q) && has_16_byte_rows(op.k) && has_16_byte_rows(op.v) && has_16_byte_rows(op.y);
  const bool large = int(sizeof(Shared<f16, Large>)) <= max_shared_bytes(queue.compute_capability);
  const auto start = [&]<class T, class Tile, bool kAligned>() {
    launch<Shared<T, Tile>, attention_wide<T, Tile, kAligned>>(attention_grid(op, Tile::queries), Tile::threads, queue,
                                                               AttentionArgs<T>(op));
  };
  const auto start_aligned = [&]<class T, class Tile>() {
    aligned ? start.template operator()<T, Tile, true>() : start.template operator()<T, Tile, false>();
  };
  const auto start_tile = [&]<class T>() {
    large ? start_aligned.template operator()<T, Large>() : start_aligned.template operator()<T, Small>();
  };
  op.q.dtype == DType::f16 ? start_tile.template operator()<f16>() : start_tile.template operator()<bf16>();
}

}  // namespace seedstory
