#include "cpu/onednn.h"

namespace seedstory::cpu {

dnnl::convolution_forward::primitive_desc convolution(const dnnl::engine& engine, const ConvolutionDescs& d,
                                                      const dnnl::primitive_attr& attr) {
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                             d.x, d.w, d.bias, d.y, d.strides, d.pad_begin, d.pad_end);
  return {desc, attr, engine};
}

}  // namespace seedstory::cpu
