// A convolution as a product of matrices, y = patches wT, whose left matrix is never made: its row is the patch of x
// that a pixel of y sees, its k = (tap, channel), and each number of it is read from x where it lies.
//
// Over a doubled x there are four such products, parts, over x as it is: part (r, c) has the pixels of y in the rows
// 2 i + r and the columns 2 j + c, and 2x2 taps.
//
//   row of y             0      1      2      3        even: tap 0 is row i - 1 of x, tap 1 is row i
//   rows of x, tap 0, 1  -, 0   0, 1   0, 1   1, 2     odd:  tap 0 is row i, tap 1 is row i + 1
#pragma once

#include "seedstory/ops.h"
#include "vec.cuh"

namespace seedstory {

// Elements from picture to picture, row to row, pixel to pixel.
struct PixelStrides {
  int64_t picture = 0, row = 0, pixel = 0;

  __host__ __device__ int64_t of(int p, int r, int c) const { return p * picture + r * row + c * pixel; }
};

struct Pixel {
  int picture, row, column;
};

struct Patches {
  PixelStrides x_stride;
  int h, w, channels;  // of x
  int rows, columns;   // of y, or of a part of it
  int pixels;          // rows of the product: of all pictures
  int kh, kw, stride;
  int pad;  // before the first row and column; behind the last ones the size of y says it
  bool doubled;
  int k;  // taps * channels

  // Of a row of the product, which is one of them; in the part.
  __device__ Pixel pixel_of(int row) const {
    const int line = row / columns;
    return {line / rows, line % rows, row % columns};
  }
  // Where it lies in y.
  __device__ Pixel in_y(Pixel p, int part) const {
    return doubled ? Pixel{p.picture, 2 * p.row + part / 2, 2 * p.column + part % 2} : p;
  }
  // The pixel of x under its first tap, which may lie outside.
  __device__ Pixel first_of(Pixel p, int part) const {
    if (doubled) return {p.picture, p.row - 1 + part / 2, p.column - 1 + part % 2};
    return {p.picture, p.row * stride - pad, p.column * stride - pad};
  }
  __device__ bool inside(int row, int column) const {
    return unsigned(row) < unsigned(h) && unsigned(column) < unsigned(w);
  }
};

inline PixelStrides pixel_strides(const Tensor& t) {
  return t ? PixelStrides{t.stride[0], t.stride[1], t.stride[2]} : PixelStrides{};
}

inline Patches patches_of(const Conv2d& op) {
  const int64_t *x = op.x.dim, *y = op.y.dim, *w = op.w.values.dim;
  const int64_t by = op.upsample2x ? 2 : 1, kh = op.upsample2x ? 2 : w[2], kw = op.upsample2x ? 2 : w[3];
  const int64_t pixels = y[0] * (y[1] / by) * (y[2] / by), most = int64_t(1) << 30;
  if (pixels > most || kh * kw * x[3] > most || x[1] * by + op.pad_begin > most || x[2] * by + op.pad_begin > most)
    fail("Conv2d: x is " + op.x.str() + ", larger than the CUDA kernels count");
  return {.x_stride = pixel_strides(op.x),
          .h = int(x[1]),
          .w = int(x[2]),
          .channels = std::max(1, int(x[3])),  // of none, k is empty
          .rows = int(y[1] / by),
          .columns = int(y[2] / by),
          .pixels = int(pixels),
          .kh = int(kh),
          .kw = int(kw),
          .stride = op.stride,
          .pad = op.pad_begin,
          .doubled = op.upsample2x,
          .k = int(kh * kw * x[3])};
}

}  // namespace seedstory
