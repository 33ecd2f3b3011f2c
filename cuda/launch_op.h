// The launchers: each at the end of its kernel's file, and all the backend knows of kernels.
#pragma once

#include "queue.h"
#include "seedstory/ops.h"

namespace seedstory {

void launch_op(const Linear& op, const Queue& queue);
void launch_op(const GatedLinear& op, const Queue& queue);
void launch_op(const Conv2d& op, const Queue& queue);
void launch_op(const LayerNorm& op, const Queue& queue);
void launch_op(const AddRmsNorm& op, const Queue& queue);
void launch_op(const GroupNorm& op, const Queue& queue);
void launch_op(const Add& op, const Queue& queue);
void launch_op(const Convert& op, const Queue& queue);
void launch_op(const Activate& op, const Queue& queue);
void launch_op(const ScaleInput& op, const Queue& queue);
void launch_op(const Embed& op, const Queue& queue);
void launch_op(const Attention& op, const Queue& queue);
void launch_op(const CacheAttention& op, const Queue& queue);
void launch_op(const PickToken& op, const Queue& queue);
void launch_op(const NormalizeTokens& op, const Queue& queue);
void launch_op(const MeanTokens& op, const Queue& queue);
void launch_op(const Sinusoid& op, const Queue& queue);
void launch_op(const SchedulerStep& op, const Queue& queue);
void launch_op(const ToPixels& op, const Queue& queue);

// Device memory that the launcher takes beside the op's tensors, at Queue::scratch. A function of the shapes alone, so
// that it can be asked before there are tensors. A launcher that takes some declares its own.
template <class Op>
int64_t scratch_bytes(const Op&) {
  return 0;
}
int64_t scratch_bytes(const Linear& op);
int64_t scratch_bytes(const GatedLinear& op);
int64_t scratch_bytes(const Conv2d& op);
int64_t scratch_bytes(const GroupNorm& op);
int64_t scratch_bytes(const CacheAttention& op);

}  // namespace seedstory
