// The launchers: each at the end of its kernel's file, and all the backend knows of kernels.
#pragma once

#include "gpu.cuh"
#include "seedstory/ops.h"

namespace seedstory {

void launch_op(const Linear& op, Stream stream);
void launch_op(const AddRmsNorm& op, Stream stream);

}  // namespace seedstory
