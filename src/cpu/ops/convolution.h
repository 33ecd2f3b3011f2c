// A convolution with its weights in panels, and the two ways of computing one. Both run the same chain for every output
// element, taps outside, channels inside: the same bits.
#pragma once

#include <span>

#include "cpu/ops/execute.h"

namespace seedstory::cpu {

struct Convolution {
  Tensor y, x, residual;        // (n, h, w, channels); the residual may be absent
  const float* bias = nullptr;  // or null
  Panels w;                     // depth: kernel rows, kernel columns, channels
  int64_t kernel_h = 0, kernel_w = 0, stride = 0;
  int64_t above = 0, left = 0;  // rows and columns of zeros before the picture
  bool doubled = false;         // every pixel of x is read as 2x2
};

// conv_im2col.cpp: output channels in lanes, a row of numbers gathered for each output pixel.
void conv_im2col(const Convolution&, ExecContext&);
int64_t im2col_floats(const Convolution&, const ExecContext&);  // of scratch

// conv_direct.cpp: output pixels in lanes, x turned so that each channel's line lies side by side. For stride 1; with
// few output channels this fills the lanes that conv_im2col() would leave empty. One or several of the same x, with
// kernels and outputs of one size: x is turned once for all.
void conv_direct_pixels(std::span<const Convolution>, ExecContext&);
int64_t direct_floats(std::span<const Convolution>, const ExecContext&);  // of scratch

}  // namespace seedstory::cpu
