#pragma once

#include "cpu/execute.h"

namespace seedstory::cpu {

class LinearWeights {
 public:
  void prepare(const Tensor& w);
  void forget(const Tensor& w);
  void execute(const Linear&, Crew&);
};

}  // namespace seedstory::cpu
