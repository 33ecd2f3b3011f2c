// Sums over a warp and over a block.
#pragma once

#include "vec.cuh"

namespace seedstory {

// Who calls: every lane of the warp. Who gets the sum: every lane, and the same bits each run.
template <class T>
__device__ T warp_sum(T v) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kFullWarp, v, lanes);
  return v;
}

// Who calls: every thread of a block of kWarps whole warps. Who gets the sum: every thread, and the same bits each run.
// `partial` may be used again after the caller's next __syncthreads().
template <int kWarps>
__device__ float block_sum(float v, float (&partial)[kWarps]) {
  v = warp_sum(v);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = v;
  __syncthreads();  // every warp's partial sum is there before anyone adds them up
  float sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += partial[warp];
  return sum;
}

}  // namespace seedstory
