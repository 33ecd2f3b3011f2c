// Linear (ops.h), and the weights it has brought into its own order.
#pragma once

#include <map>
#include <memory>

#include "cpu/execute.h"

namespace seedstory::cpu {

class LinearWeights {
 public:
  void prepare(const Tensor& w, Crew&);
  void forget(const Tensor& w);
  void execute(const Linear&, Crew&);

 private:
  struct Packed {
    Tensor w;
    Scratch panels;
  };

  // The panels of w, if it or a matrix that it is some rows of was prepared; else null.
  const float* prepared(const Tensor& w);

  std::map<const char*, Packed> packed_;  // by the address of the weight
  Scratch unprepared_;                    // panels for the length of one call
};

}  // namespace seedstory::cpu
