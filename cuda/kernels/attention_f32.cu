// Attention (ops.h) in f32:  y <- softmax(scale q kT) v, on the ordinary cores. What must be exact to f32 runs here:
// the tensor cores would cut the operands to 11 bits.
//
// Work    A block takes 32 queries of a head and goes over the keys 32 at a time, 16 where a head has more than 128
//         numbers, with a running softmax. The plain schedule: q, then K and V by turns, and the scores between them,
//         lie in shared memory; nothing overlaps.
// Limits  Up to 512 numbers a head. Elements are loaded one by one, whatever their alignment.
// Error   Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): f32's roundings at
//         random and the exponential's 2^-22, 2^-23 (sqrt(dim) + sqrt(keys) + 8).
// Bits    Keys are added in order: a query's bits depend on its q, on k and v and the number of keys alone.
#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../device/vec.cuh"
#include "attention.h"

namespace seedstory {
namespace {

constexpr int kQueries = 32;  // of a block
constexpr int kThreads = 256;
constexpr int kOfWarp = kQueries / (kThreads / kWarp);  // queries whose y a warp adds up
constexpr int kOfRow = kThreads / kQueries;             // threads that share the softmax of a query

// Keys of a tile. With 32 of 512 numbers a block takes 132 KiB of shared memory, where many a card has 99.
template <int kDim>
constexpr int kKeys = kDim <= 128 ? 32 : 16;

// Rows of an odd length: a column falls into different banks.
template <int kDim>
struct Shared {
  float q[kQueries][kDim + 1];
  float kv[kKeys<kDim>][kDim + 1];
  float weight[kQueries][kKeys<kDim> + 1];  // of query and key; first the score
  float factor[kQueries];                   // of what y holds; at the end, 1 / sum
};

// kRows vectors from token `first` on. What lies outside is zero.
template <int kRows, int kStride>
__device__ void fetch(float (&to)[kRows][kStride], const float* head, int64_t token_stride, int tokens, int dim,
                      int first) {
  const int warp = int(threadIdx.x) / kWarp, lane = int(threadIdx.x) % kWarp;
  for (int row = warp; row < kRows; row += kThreads / kWarp)
    for (int col = lane; col < dim; col += kWarp)
      to[row][col] = first + row < tokens ? head[int64_t(first + row) * token_stride + col] : 0;
}

// Scores of all queries and keys of the tiles: 16 threads across each, so a thread has two queries and a key or two.
template <int kDim>
__device__ void multiply(Shared<kDim>& tile, int dim) {
  constexpr int kAcross = 16, kOfThread = kKeys<kDim> / kAcross;
  static_assert(kAcross * kAcross == kThreads && 2 * kAcross == kQueries);
  const int query = int(threadIdx.x) / kAcross, key = int(threadIdx.x) % kAcross;
  float sum[2][kOfThread] = {};
  for (int d = 0; d < dim; ++d)
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < kOfThread; ++j)
        sum[i][j] = fmaf(tile.q[query + i * kAcross][d], tile.kv[key + j * kAcross][d], sum[i][j]);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < kOfThread; ++j) tile.weight[query + i * kAcross][key + j * kAcross] = sum[i][j];
}

// Of the 8 threads that share a query.
template <class Combine>
__device__ float reduce(float v, Combine&& combine) {
  for (int lanes = 1; lanes < kOfRow; lanes *= 2) v = combine(v, __shfl_xor_sync(kFullWarp, v, lanes));
  return v;
}

template <int kDim>
__global__ void __launch_bounds__(kThreads) attention_f32(const __grid_constant__ AttentionArgs<float> a) {
  Shared<kDim>& tile = shared<Shared<kDim>>();
  const int lane = int(threadIdx.x) % kWarp, first_query = int(blockIdx.x) * kQueries;
  const int of_warp = int(threadIdx.x) / kWarp * kOfWarp;
  float y[kOfWarp][kDim / kWarp] = {};  // columns lane, lane + 32 ...
  // The maximum of my query, the sum of its weights that are mine.
  OnlineSoftmax softmax;
  const int my_query = int(threadIdx.x) / kOfRow, my_key = int(threadIdx.x) % kOfRow;

  fetch(tile.q, a.q.of(blockIdx.z, blockIdx.y), a.q.token_stride, a.queries, a.dim, first_query);
  for (int first = 0; first < a.keys; first += kKeys<kDim>) {
    fetch(tile.kv, a.k.of(blockIdx.z, blockIdx.y), a.k.token_stride, a.keys, a.dim, first);
    __syncthreads();  // q and K are there
    multiply(tile, a.dim);
    __syncthreads();  // K has been read, all scores are there
    fetch(tile.kv, a.v.of(blockIdx.z, blockIdx.y), a.v.token_stride, a.keys, a.dim, first);
    float(&mine)[kKeys<kDim> + 1] = tile.weight[my_query];
    const int keys = min(kKeys<kDim>, a.keys - first);
    float top = -INFINITY;
    for (int key = my_key; key < keys; key += kOfRow) top = fmaxf(top, mine[key]);
    top = reduce(top, [](float x, float of) { return fmaxf(x, of); });
    const float factor = softmax.raise(top * a.scale);
    if (my_key == 0) tile.factor[my_query] = factor;
    for (int key = my_key; key < kKeys<kDim>; key += kOfRow) {
      mine[key] = key < keys ? exp2_approx(fmaf(mine[key], a.scale, softmax.offset())) : 0;
      softmax.sum += mine[key];
    }
    __syncthreads();  // V, all weights and factors are there
    for (int r = 0; r < kOfWarp; ++r)
      for (float& sum : y[r]) sum *= tile.factor[of_warp + r];
    for (int key = 0; key < kKeys<kDim>; ++key)
#pragma unroll
      for (int j = 0; j < kDim / kWarp; ++j) {
        if (j * kWarp >= a.dim) break;
        const float value = tile.kv[key][j * kWarp + lane];
        for (int r = 0; r < kOfWarp; ++r) y[r][j] = fmaf(tile.weight[of_warp + r][key], value, y[r][j]);
      }
    __syncthreads();  // V has been read
  }

  const float sum = reduce(softmax.sum, [](float x, float of) { return x + of; });
  if (my_key == 0) tile.factor[my_query] = 1 / sum;
  __syncthreads();  // the sums are there
  float* const to = a.y.of(blockIdx.z, blockIdx.y);
#pragma unroll
  for (int r = 0; r < kOfWarp; ++r)
    for (int j = 0; j < kDim / kWarp; ++j) {
      const int query = first_query + of_warp + r, col = j * kWarp + lane;
      if (query < a.queries && col < a.dim) to[query * a.y.token_stride + col] = y[r][j] * tile.factor[of_warp + r];
    }
}

}  // namespace

void launch_attention_f32(const Attention& op, const Queue& queue) {
  const AttentionArgs<float> args(op);
  with_at_least<128, 512>(args.dim, "Attention: numbers of a head", [&]<int kDim>() {
    launch<Shared<kDim>, attention_f32<kDim>>(attention_grid(op, kQueries), kThreads, queue, args);
  });
}

}  // namespace seedstory
