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

// Most of a block's shared memory on a card, in bytes (CUDA C++ Programming Guide, "Compute Capabilities"). Every card
// from 8.0 on has 99 KiB; one that is not in the list is taken to have no more.
constexpr int max_shared_bytes(int compute_capability) {
  switch (compute_capability) {
    case 80:
    case 87:
      return 163 * 1024;
    case 90:
    case 100:
    case 103:
    case 110:
      return 227 * 1024;
    default:  // 86, 89, 120, 121
      return 99 * 1024;
  }
}

struct NoShared {};  // launch<NoShared, kernel>: the kernel has no shared memory

}  // namespace seedstory
