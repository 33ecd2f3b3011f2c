// Conv2d (ops.h), by oneDNN in f32 over NHWC.
#pragma once

#include <map>
#include <vector>

#include "cpu/execute.h"
#include "cpu/onednn.h"

namespace seedstory::cpu {

// oneDNN's primitives, one a shape, and the weights in the order that they want.
class Convolutions {
 public:
  void prepare(const Tensor& w);  // this weight's bytes may be kept in another order from now on
  void forget(const Tensor& w);
  void execute(const Conv2d&, Crew&);

 private:
  struct Primitive {
    dnnl::convolution_forward::primitive_desc desc;
    dnnl::convolution_forward run;
  };
  using Shape = std::vector<int64_t>;  // all that a primitive depends on

  const Primitive& primitive(const Conv2d&);
  dnnl::memory ordered_weights(const Tensor& w, const dnnl::memory::desc& wanted);

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<Shape, Primitive> primitives_;
  std::map<const void*, std::vector<dnnl::memory>> prepared_;  // by the address of the weight; made at its first use
  Scratch x_, y_, w_;                                          // for views that oneDNN cannot read or write
};

}  // namespace seedstory::cpu
