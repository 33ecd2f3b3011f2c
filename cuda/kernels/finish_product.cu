// What a library's product still lacks of an op:  y <- act(product + bias) + residual  or  y <- value * act(gate),
// where the library (cuda/library) has no end of that kind.
//
// Work    A thread takes 4 neighbours of a row, all loads and stores of a warp are unbroken. Memory is the limit: the
//         product, which is small enough to lie in L2, is read again.
// Limits  2^31 such fours. Rows that do not start at multiples of 16 bytes go element by element.
// Error   Against f64: f32 roundings of the epilogue, then the last place of y's type. That the product comes rounded
//         to y's type is the library's Error.
#include "../choose.h"
#include "../device/epilogue.cuh"
#include "../device/patches.cuh"
#include "finish_product.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256, kSize = 4;

template <class T>
struct Args {
  const T* product;  // (rows, end.cols), with a gate (rows, 2 end.cols)
  bool is_aligned;   // its rows are whole fours
  Epilogue end;      // but for its strides
  PixelStrides y_stride, residual_stride;
  int lines, columns;  // of a picture; rows are its pixels
  int fours;           // of a row
};

template <class T>
__device__ void load_product(float (&to)[kSize], const T* from, int64_t left, bool is_aligned) {
  if (is_aligned) {
    const auto all = load_vec<Vec<T, kSize>>(from);
    for (int i = 0; i < kSize; ++i) to[i] = to_float(all.v[i]);
  } else {
    for (int i = 0; i < kSize; ++i) to[i] = i < left ? to_float(from[i]) : 0;
  }
}

template <class T, bool kGate>
__global__ void __launch_bounds__(kThreads) finish_rows(const __grid_constant__ Args<T> a) {
  const uint32_t piece = blockIdx.x * kThreads + threadIdx.x;
  const int64_t row = piece / uint32_t(a.fours), col = piece % uint32_t(a.fours) * kSize;
  if (row >= a.end.rows) return;
  const int line = int(row) / a.columns, column = int(row) % a.columns;
  const RowOffsets at{a.y_stride.of(line / a.lines, line % a.lines, column),
                      a.residual_stride.of(line / a.lines, line % a.lines, column)};
  const T* const product = a.product + row * a.end.cols * (kGate ? 2 : 1) + col;
  float value[kSize], gate[kSize] = {};
  load_product(value, product, a.end.cols - col, a.is_aligned);
  if constexpr (kGate) load_product(gate, product + a.end.cols, a.end.cols - col, a.is_aligned);
  Columns<T, kGate, kSize>(a.end, col).finish(a.end, at, value, gate);
}

// Rows are pixels of one line.
PixelStrides strides_of(const Tensor& t) {
  return !t || t.rank == 4 ? pixel_strides(t) : PixelStrides{.pixel = t.row_stride()};
}

}  // namespace

void finish_product(const UnfinishedProduct& op, const Queue& queue) {
  const int64_t rows = op.y.rows(), cols = op.y.cols(), fours = ceil_div(cols, kSize);
  if (rows * fours == 0) return;
  if (rows * fours >= int64_t(1) << 31)
    fail("finish_product: y is " + op.y.str() + ", larger than the CUDA kernels count");
  with_float_type(op.y.dtype, "finish_product", [&]<class T>() {
    const Args<T> args{.product = static_cast<const T*>(op.product.data),
                       .is_aligned = cols % kSize == 0 && has_16_byte_rows(op.product),
                       .end = epilogue(op.y, op.bias, op.residual, op.act, rows),
                       .y_stride = strides_of(op.y),
                       .residual_stride = strides_of(op.residual),
                       .lines = op.y.rank == 4 ? int(op.y.dim[1]) : 1,
                       .columns = op.y.rank == 4 ? int(op.y.dim[2]) : int(rows),
                       .fours = int(fours)};
    const dim3 grid(unsigned(ceil_div(rows * fours, kThreads)));
    if (op.has_gate)
      launch<NoShared, finish_rows<T, true>>(grid, kThreads, queue, args);
    else
      launch<NoShared, finish_rows<T, false>>(grid, kThreads, queue, args);
  });
}

}  // namespace seedstory
