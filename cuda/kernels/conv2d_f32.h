#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// Conv2d where every tensor is f32 (conv2d_f32.cu); `rows` is its weight's matrix (conv2d_weights.h).
void launch_conv2d_f32(const Conv2d& op, const Tensor& rows, const Queue& queue);

}  // namespace seedstory
