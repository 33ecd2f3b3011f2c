// What a launcher gets beside its op: the order in which kernels run, memory to work in, and the card.
#pragma once

#include "gpu.cuh"

namespace seedstory {

struct Queue {
  Stream stream = nullptr;
  int multiprocessors = 0;
  int compute_capability = 0;  // 80: 8.0
  void* scratch = nullptr;     // scratch_bytes(op) of device memory (launch_op.h), undefined; the next op's as well

  operator Stream() const { return stream; }  // launch(grid, block, queue, args)
};

struct NoShared {};  // launch<NoShared, kernel>: the kernel has no shared memory

}  // namespace seedstory
