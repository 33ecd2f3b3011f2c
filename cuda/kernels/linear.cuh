// What the kernels of Linear and GatedLinear get.
#pragma once

#include "../device/gemv.cuh"
#include "block_panels.h"

namespace seedstory {

template <class T>
struct LinearArgs {
  const T* x;                  // (rows, k)
  const T* w;                  // (n, k), gated (2 n, k): values, then gates
  int64_t x_stride, w_stride;  // elements from row to row
  int64_t k;
  Epilogue end;  // rows x n of y
};

// Both ops where every tensor is f32 (linear_f32.cu).
template <bool kGate>
void launch_linear_f32(const LinearArgs<float>& args, const Queue& queue);

// Both ops for 1 to 8 rows, whose bits are their own (linear_gemv.cu). `aligned`: rows of x and w are whole pieces of
// 16 bytes.
template <class T, bool kGate>
void launch_linear_gemv(const LinearArgs<T>& args, bool aligned, const Queue& queue);

// Both ops where w is q8 or q4, for any rows; residual may be absent (linear_blocks.cu).
template <class Op>
void launch_linear_blocks(const Op& op, const Tensor& residual, const Queue& queue);

template <class T>
struct BlockArgs {
  const T* x;  // (rows, k)
  int64_t x_stride, k;
  BlockPanels w;
  Epilogue end;
};

// And 1 to 8 rows of them (linear_gemv_blocks.cu). `aligned`: of x.
template <class T, bool kGate>
void launch_linear_gemv_blocks(const BlockArgs<T>& args, bool aligned, const Queue& queue);

}  // namespace seedstory
