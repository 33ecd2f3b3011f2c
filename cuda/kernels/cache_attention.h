// What the kernels of CacheAttention share.
#pragma once

#include "../device/vec.cuh"
#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// One vector of head_dim elements for each row and head.
template <class T>
struct Heads {
  T* data;
  int64_t row_stride, head_stride;

  explicit Heads(const Tensor& t) : data(static_cast<T*>(t.data)), row_stride(t.stride[0]), head_stride(t.stride[1]) {}
  __device__ T* at(int64_t row, int64_t head) const { return data + row * row_stride + head * head_stride; }
};

using SoftmaxState = Vec<float, 2>;  // OnlineSoftmax: max, sum

template <class T>
struct CacheAttentionArgs {
  Heads<T> y;
  Heads<const T> q, k, v;
  Heads<T> k_cache, v_cache;
  const int32_t* slots;
  const int32_t* length;
  const float* rope;  // (ranks, dim)
  int64_t rope_stride;
  int rows, heads, dim, ranks;
  float scale;  // of scores in base 2
  int lanes;    // that share a key, where a warp has a row: a power of two

  // Where ranks are split: what each chunk of them has made, merged by merge_chunks.
  int chunk;             // ranks; all of them where there is one chunk
  float* sums;           // (heads, rows, chunks, dim): weighted values
  SoftmaxState* states;  // (heads, rows, chunks); behind `sums`, at a multiple of 8 bytes because dim is even

  __device__ int chunks() const { return (ranks + chunk - 1) / chunk; }
  // The rank of row 0. Where `length` is none that the tensors have room for, -rows: no row has a rank that is not
  // negative, or sees anything. The caches stay as they are, and y is NaN, because each kernel ends with 0 / 0.
  __device__ int first_rank() const {
    const int n = *length;
    return n < rows || n > ranks ? -rows : n - rows;
  }
  // Ranks from first_rank on are new. Their vectors come from k and v and never from the cache, so that no block waits
  // for the one that writes them there.
  __device__ int slot(int rank, int first_rank) const { return rank < first_rank ? slots[rank] : 0; }
  __device__ const T* key(int rank, int slot, int first_rank, int head) const {
    return rank < first_rank ? k_cache.at(slot, head) : k.at(rank - first_rank, head);
  }
  __device__ const T* value(int rank, int slot, int first_rank, int head) const {
    return rank < first_rank ? v_cache.at(slot, head) : v.at(rank - first_rank, head);
  }
};

// cache_attention_flash.cu: leaves y, or chunks to be merged.
template <class T>
void launch_flash_cache_attention(const CacheAttentionArgs<T>& args, const Queue& queue);

// kSize elements of a vector and those half a vector on, in the plane of their rotation; `table`: the cosines of these
// elements, the sines are half a row on.
template <int kSize>
__device__ void rotate(float (&low)[kSize], float (&high)[kSize], const float* table, int half) {
  float cosine[kSize], sine[kSize];
  load_floats(cosine, table);
  load_floats(sine, table + half);
  for (int i = 0; i < kSize; ++i) {
    const float turned = fmaf(low[i], cosine[i], -(high[i] * sine[i]));
    high[i] = fmaf(high[i], cosine[i], low[i] * sine[i]);
    low[i] = turned;
  }
}

}  // namespace seedstory
