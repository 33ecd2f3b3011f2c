#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// Linear where every tensor is f32 (linear_f32.cu).
void launch_linear_f32(const Linear& op, const Queue& queue);

}  // namespace seedstory
