// The weight of Conv2d as a matrix (out_c, k), k = (tap, channel): what the convolution's products read.
//
// Work    A thread makes one number. 16 bytes of a row are then neighbours along the channels of one tap, as they are
// in
//         a pixel of x. Done once at load, so the plain way: reads lie kh kw numbers apart.
// Limits  f32, f16 and bf16.
// Error   None, but over a doubled x a tap is the sum of up to four: in f32, rounded once to T.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"
#include "conv2d_weights.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Args {
  T* to;                                   // (parts, out_c, k)
  const T* from;                           // (out_c, in_c, kh, kw)
  int64_t part, row;                       // of `to`, in elements
  int64_t from_out, from_in, from_kernel;  // strides of `from`, in elements
  int channels, k;
  int kw;        // of `to`
  bool doubled;  // then 2x2 taps of `to` are sums of 3x3 of `from`
};

// Those of a kernel's three rows over a doubled picture that fall on the first (0) or second (1) of the two rows of x
// that an output row sees. Columns the same.
//
//   place in its pair   row 0   row 1   row 2     of the kernel
//   0                   0       1       1         place in x
//   1                   0       0       1
struct Span {
  int begin, end;
};
__device__ Span span_of(int place_in_pair, int place) {
  const int second = 1 + place_in_pair;  // the first row of the kernel that falls on place 1
  return place == 0 ? Span{0, second} : Span{second, 3};
}

template <class T>
__global__ void __launch_bounds__(kThreads) conv2d_weights(const __grid_constant__ Args<T> a) {
  const int i = int(blockIdx.x) * kThreads + int(threadIdx.x);
  if (i >= a.row) return;
  const int out = int(blockIdx.y), part = int(blockIdx.z);
  float sum = 0;
  if (i < a.k) {
    const int tap = i / a.channels, channel = i % a.channels, row = tap / a.kw, column = tap % a.kw;
    const Span rows = a.doubled ? span_of(part / 2, row) : Span{row, row + 1};
    const Span columns = a.doubled ? span_of(part % 2, column) : Span{column, column + 1};
    const T* const from = a.from + out * a.from_out + channel * a.from_in;
    for (int r = rows.begin; r < rows.end; ++r)
      for (int c = columns.begin; c < columns.end; ++c) sum += to_float(from[r * a.from_kernel + c]);
  }
  a.to[part * a.part + out * a.row + i] = from_float<T>(sum);
}

}  // namespace

Tensor conv_rows_shape(const Weight& w, WeightUse use) {
  const int64_t* d = w.values.dim;
  const bool doubled = use == WeightUse::upsample_conv;
  const int64_t size = 16 / size_of(w.values.dtype), taps = doubled ? 4 : d[2] * d[3];
  Tensor rows(nullptr, w.values.dtype, {doubled ? 4 : 1, d[0], ceil_div(taps * d[1], size) * size});
  rows.dim[2] = taps * d[1];
  return rows;
}

bool is_conv_rows(const Weight& w, WeightUse use) {
  const Tensor rows = conv_rows_shape(w, use);
  return use == WeightUse::conv && w.values.dim[2] * w.values.dim[3] == 1 && rows.dim[2] == rows.stride[1];
}

void pack_conv(const Weight& from, WeightUse use, const Tensor& rows, const Queue& queue) {
  if (rows.numel() == 0) return;
  const Tensor& w = from.values;
  const bool doubled = use == WeightUse::upsample_conv;
  with_float_type(w.dtype, Conv2d::name, [&]<class T>() {
    const Args<T> args{.to = static_cast<T*>(rows.data),
                       .from = static_cast<const T*>(w.data),
                       .part = rows.stride[0],
                       .row = rows.stride[1],
                       .from_out = w.stride[0],
                       .from_in = w.stride[1],
                       .from_kernel = w.stride[2],
                       .channels = int(w.dim[1]),
                       .k = int(rows.dim[2]),
                       .kw = doubled ? 2 : int(w.dim[3]),
                       .doubled = doubled};
    const dim3 grid(unsigned(ceil_div(rows.stride[1], kThreads)), unsigned(rows.dim[1]), unsigned(rows.dim[0]));
    launch<NoShared, conv2d_weights<T>>(grid, kThreads, queue, args);
  });
}

Tensor conv_rows_of(const Conv2d& op, const Queue& queue) {
  if (op.w.packed) {
    const auto* packed = dynamic_cast<const PackedConv*>(op.w.packed);
    if (!packed) fail("Conv2d: w is packed, but not for a convolution in CUDA");
    return packed->rows.slice(1, op.w.first_row, op.w.first_row + op.w.values.dim[0]);
  }
  Tensor rows = conv_rows_shape(op.w, op.weight_use());
  rows.data = queue.scratch;
  pack_conv(op.w, op.weight_use(), rows, queue);
  return rows;
}

int64_t scratch_bytes(const Conv2d& op) {
  if (op.w.packed || !has_conv_rows(op.w)) return 0;
  return bytes_of(conv_rows_shape(op.w, op.weight_use()));
}

}  // namespace seedstory
