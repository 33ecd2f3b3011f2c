#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// Conv2d where every tensor but w is f32 (conv2d_f32.cu).
void launch_conv2d_f32(const Conv2d& op, const Queue& queue);

}  // namespace seedstory
