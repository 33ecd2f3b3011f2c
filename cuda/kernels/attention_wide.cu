// Attention (ops.h):  y <- softmax(scale q kT) v, for f16 and bf16 where a head has more than 128 numbers: the VAE's
// middle block has one of 512, whose y is too much for the registers of a warp.
//
// Work    A block takes 64 queries of a head, its 8 warps together, and goes over the keys 32 at a time. For the scores
//         a warp has 16 queries and 16 keys, for y all 64 queries and 64 numbers of the head; scores and weights go
//         from the one to the other through shared memory. K and V come by turns while the other one is multiplied.
// Limits  Up to 512 numbers a head. Vectors that do not start at multiples of 16 bytes are loaded and stored element by
//         element.
// Error   As attention.cu.
// Bits    Keys are added in order, 32 after 32: a query's bits depend on its q, k, v and the number of keys alone.
#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../device/vec.cuh"
#include "attention.h"

namespace seedstory {
namespace {

constexpr int kDim = 512;
constexpr int kQueries = 64;  // 64 KiB of q; K and V take as much again: one block an SM
constexpr int kKeys = 32;
constexpr int kThreads = 256;
constexpr int kChunks = kDim / 8;                      // of 16 bytes
constexpr int kStride = kChunks | 1;                   // of a row: as attention.cu's
constexpr int kWeightStride = kKeys / 8 | 1;           // the same, of weights
constexpr int kOfWarp = kChunks / (kThreads / kWarp);  // chunks of y that a warp adds up
constexpr int kBlocks = kQueries / 16;                 // of mma's rows
constexpr int kOfRow = kThreads / kQueries;            // threads that share the softmax of a query
constexpr float kHeadroom = 15;                        // as attention.cu's

template <class T>
struct Shared {
  Vec<T> q[kQueries * kStride];
  Vec<T> kv[2][kKeys * kStride];
  // 8 more than a row has: what lanes hold of 4 rows falls into different banks.
  alignas(16) float score[kQueries][kKeys + 8];
  Vec<T> weight[kQueries * kWeightStride];
  float factor[kQueries];  // of what y holds; at the end, 1 / sum
};

// Starts to bring kRows tokens of a head from token `first` on; zero outside. As attention.cu's.
template <int kRows, bool kAligned, class T>
__device__ void fetch(Vec<T>* to, const T* head, int64_t token_stride, int tokens, int dim, int first) {
  constexpr int kRowsAtOnce = kThreads / kChunks;
  const int chunk = int(threadIdx.x) % kChunks, first_row = int(threadIdx.x) / kChunks;
  const int col = chunk * Vec<T>::size, inside = min(max(dim - col, 0), Vec<T>::size);
  for (int row = first_row; row < kRows; row += kRowsAtOnce) {
    const int size = first + row < tokens ? inside : 0;
    const T* const from = size > 0 ? head + int64_t(first + row) * token_stride + col : head;
    Vec<T>* const there = to + row * kStride + chunk;
    if constexpr (kAligned) {
      copy_async(there, from, size * int(sizeof(T)));
    } else {
      Vec<T> piece;
      for (int j = 0; j < Vec<T>::size; ++j) piece.v[j] = j < size ? from[j] : from_float<T>(0);
      store_vec(there, piece);
    }
  }
}

// A warp's 16 queries by 16 keys.
template <class T>
__device__ void multiply_keys(Shared<T>& tile, const Vec<T>* k, int dim) {
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
template <class T>
__device__ void weigh(Shared<T>& tile, OnlineSoftmax& softmax, float scale, int keys) {
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
using Sums = float[kBlocks][kOfWarp][4];

// The factor of row lane / 4 + 8 half of a block.
template <class T>
__device__ float factor_of(const Shared<T>& tile, int block, int half) {
  return tile.factor[block * 16 + half * 8 + int(threadIdx.x) % kWarp / 4];
}

template <class T>
__device__ void add_values(Sums& y, const Shared<T>& tile, const Vec<T>* v, int dim) {
  const int lane = int(threadIdx.x) % kWarp, first_chunk = int(threadIdx.x) / kWarp * kOfWarp;
  uint32_t weight[kBlocks][kKeys / 16][4];
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) {
    for (int half = 0; half < 2; ++half) {
      const float factor = factor_of(tile, b, half);
      for (int chunk = 0; chunk < kOfWarp; ++chunk)
        y[b][chunk][half * 2] *= factor, y[b][chunk][half * 2 + 1] *= factor;
    }
    for (int step = 0; step < kKeys / 16; ++step)
      ldmatrix(weight[b][step], tile.weight + (b * 16 + lane % 16) * kWeightStride + step * 2 + lane / 16);
  }
#pragma unroll
  for (int chunk = 0; chunk < kOfWarp; ++chunk) {
    if ((first_chunk + chunk) * Vec<T>::size >= dim) break;
    uint32_t v_frag[4];
    ldmatrix_trans(v_frag, v + lane * kStride + first_chunk + chunk);
    const uint32_t values[2][2] = {{v_frag[0], v_frag[1]}, {v_frag[2], v_frag[3]}};
    for (int b = 0; b < kBlocks; ++b)
      for (int step = 0; step < kKeys / 16; ++step) mma<T>(y[b][chunk], weight[b][step], values[step]);
  }
}

template <class T, bool kAligned>
__global__ void __launch_bounds__(kThreads, 1) attention_wide(const __grid_constant__ AttentionArgs<T> a) {
  Shared<T>& tile = shared<Shared<T>>();
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp, first_query = int(blockIdx.x) * kQueries;
  const T *const k = a.k.of(blockIdx.z, blockIdx.y), *const v = a.v.of(blockIdx.z, blockIdx.y);
  Sums y = {};
  OnlineSoftmax softmax;  // of query threadIdx.x / 4: the maximum of all its scores, the sum of this thread's weights

  fetch<kQueries, kAligned>(tile.q, a.q.of(blockIdx.z, blockIdx.y), a.q.token_stride, a.queries, a.dim, first_query);
  fetch<kKeys, kAligned>(tile.kv[0], k, a.k.token_stride, a.keys, a.dim, 0);
  copy_async_commit();
  for (int first = 0; first < a.keys; first += kKeys) {
    copy_async_wait<0>();
    __syncthreads();  // K is there; V of the tile before, its weights and factors have been read
    fetch<kKeys, kAligned>(tile.kv[1], v, a.v.token_stride, a.keys, a.dim, first);
    copy_async_commit();
    multiply_keys(tile, tile.kv[0], a.dim);
    __syncthreads();  // K has been read, all scores are there
    if (first + kKeys < a.keys) fetch<kKeys, kAligned>(tile.kv[0], k, a.k.token_stride, a.keys, a.dim, first + kKeys);
    copy_async_commit();  // also an empty group: the wait leaves this one on its way
    weigh(tile, softmax, a.scale, a.keys - first);
    copy_async_wait<1>();
    __syncthreads();  // V, all weights and factors are there
    add_values(y, tile, tile.kv[1], a.dim);
  }

  const float sum = reduce(softmax.sum, [](float x, float of) { return x + of; });
  __syncthreads();  // the last factors have been read
  if (threadIdx.x % kOfRow == 0) tile.factor[threadIdx.x / kOfRow] = 1 / sum;
  __syncthreads();  // the sums are there
  T* const to = a.y.of(blockIdx.z, blockIdx.y);
#pragma unroll
  for (int b = 0; b < kBlocks; ++b)
    for (int half = 0; half < 2; ++half) {
      const float by = factor_of(tile, b, half);
      const int query = first_query + b * 16 + half * 8 + lane / 4;
      if (query >= a.queries) continue;
      for (int chunk = 0; chunk < kOfWarp; ++chunk) {
        const int col = (warp * kOfWarp + chunk) * Vec<T>::size + lane % 4 * 2;
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
  const auto start = [&]<class T, bool kAligned>() {
    launch<Shared<T>, attention_wide<T, kAligned>>(attention_grid(op, kQueries), kThreads, queue, AttentionArgs<T>(op));
  };
  const auto start_aligned = [&]<class T>() {
    aligned ? start.template operator()<T, true>() : start.template operator()<T, false>();
  };
  op.q.dtype == DType::f16 ? start_aligned.template operator()<f16>() : start_aligned.template operator()<bf16>();
}

}  // namespace seedstory
