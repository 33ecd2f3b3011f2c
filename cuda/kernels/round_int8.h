// Rows rounded to int8, for products by weights in q8 (round_int8.cu).
#pragma once

#include "../device/int8.cuh"
#include "../queue.h"

namespace seedstory {

// x is f16 or bf16 (.., rows, k). What stands in `to` behind the rows stays.
void round_int8(const Tensor& x, const Int8Rows& to, const Queue& queue);

}  // namespace seedstory
