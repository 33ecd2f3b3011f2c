// What differs between oneDNN 2 and 3: CMake takes onednn_v2.cpp or onednn_v3.cpp.
#pragma once

#include <dnnl.hpp>

namespace seedstory::cpu {

struct ConvolutionDescs {
  dnnl::memory::desc x, w, bias, y;  // bias may be empty
  dnnl::memory::dims strides, pad_begin, pad_end;
};

dnnl::convolution_forward::primitive_desc convolution(const dnnl::engine& engine, const ConvolutionDescs& descs,
                                                      const dnnl::primitive_attr& attr);

}  // namespace seedstory::cpu
