// Conv2d (ops.h):  y <- x * w + bias + residual. f32 is conv2d_f32.cu; the other types have no kernel yet.
#include "../launch_op.h"
#include "conv2d_f32.h"
#include "conv2d_weights.h"

namespace seedstory {

void launch_op(const Conv2d& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  if (op.w.values.dtype != op.x.dtype)
    fail("Conv2d: w is " + op.w.str() + ", the CUDA backend wants " + name_of(op.x.dtype));
  if (op.x.dtype != DType::f32) fail("Conv2d: has no CUDA kernel for " + std::string(name_of(op.x.dtype)));
  launch_conv2d_f32(op, conv_rows_of(op, queue), queue);
}

}  // namespace seedstory
