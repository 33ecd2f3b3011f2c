// The functions of ops.h's Activation, in f32 to a few places whatever the argument.
#pragma once

#include "gpu.cuh"
#include "seedstory/ops.h"

namespace seedstory {

__device__ inline float silu(float x) {
  return x / (1 + expf(-x));
}

// erfc and not 1 + erf: far below zero the sum would cancel.
__device__ inline float gelu(float x) {
  return 0.5f * x * erfcf(-0.70710678f * x);
}

__device__ inline float activate(Activation act, float x) {
  switch (act) {
    case Activation::gelu:
      return gelu(x);
    case Activation::silu:
      return silu(x);
    case Activation::none:
      break;
  }
  return x;
}

}  // namespace seedstory
