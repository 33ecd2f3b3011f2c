// What a library's product still lacks of an op (finish_product.cu).
#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// y <- act(product + bias) + residual; with a gate y <- (a + bias) * act(g + gate's bias), [a | g] = product. Tensors
// of rows, or NHWC pictures; `product` is contiguous and of y's type, which may be y. Others as in Linear and Conv2d.
struct UnfinishedProduct {
  Tensor y, product, bias, residual;
  Activation act = Activation::none;
  bool has_gate = false;
};
void finish_product(const UnfinishedProduct& op, const Queue& queue);

}  // namespace seedstory
