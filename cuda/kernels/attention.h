// What the kernels of Attention share (attention.cu, attention_wide.cu, attention_f32.cu).
#pragma once

#include "../device/vec.cuh"
#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// A tensor (n, tokens, heads, dim) whose vectors of dim lie anywhere.
template <class T>
struct HeadVectors {
  T* data;
  int64_t picture_stride, token_stride, head_stride;  // in elements

  __device__ T* of(int64_t picture, int64_t head) const { return data + picture * picture_stride + head * head_stride; }
};

template <class T>
struct AttentionArgs {
  HeadVectors<T> y;
  HeadVectors<const T> q, k, v;
  int queries, keys, dim;
  float scale;  // the op's, times log2(e): weights are powers of 2

  explicit AttentionArgs(const Attention& op)
      : y(vectors_of<T>(op.y)),
        q(vectors_of<const T>(op.q)),
        k(vectors_of<const T>(op.k)),
        v(vectors_of<const T>(op.v)),
        queries(int(op.q.dim[1])),
        keys(int(op.k.dim[1])),
        dim(int(op.q.dim[3])),
        scale(float(double(op.scale) * 1.4426950408889634)) {}

 private:
  template <class Element>
  static HeadVectors<Element> vectors_of(const Tensor& t) {
    return {.data = static_cast<Element*>(t.data),
            .picture_stride = t.stride[0],
            .token_stride = t.stride[1],
            .head_stride = t.stride[2]};
  }
};

// Starts to bring a piece of 16 bytes: `size` elements, zeros behind them. kAligned: `from` is a multiple of 16 bytes.
template <bool kAligned, class T>
__device__ void fetch_piece(Vec<T>* to, const T* from, int size) {
  if constexpr (kAligned) {
    copy_async(to, from, size * int(sizeof(T)));
  } else {
    Vec<T> piece;
    for (int i = 0; i < Vec<T>::size; ++i) piece.v[i] = i < size ? from[i] : from_float<T>(0);
    store_vec(to, piece);
  }
}

// Blocks for `rows` queries of a head each: neighbours have the same keys and values.
inline dim3 attention_grid(const Attention& op, int64_t rows) {
  return dim3(unsigned((op.q.dim[1] + rows - 1) / rows), unsigned(op.q.dim[2]), unsigned(op.q.dim[0]));
}

// Heads of more than 128, in f16 and bf16 (attention_wide.cu).
void launch_attention_wide(const Attention& op, const Queue& queue);
// Where every tensor is f32 (attention_f32.cu).
void launch_attention_f32(const Attention& op, const Queue& queue);

}  // namespace seedstory
