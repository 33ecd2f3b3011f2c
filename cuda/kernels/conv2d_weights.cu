// The weight of Conv2d as a matrix (out_c, k), k = (tap, channel): what the convolution's products read.
//
// Work    A thread makes one number, so that 16 bytes of a row are neighbours along the channels of one tap, as they
//         are in a pixel of x. Once at load, so the plain way: reads lie kh kw numbers apart. Weights that are not of
//         x's type pass through it at each launch: some bytes for each number, of which the product makes 2 pixels
//         flops.
// Limits  None: weights of any format, into f32, f16 and bf16.
// Error   One rounding to T where a number is not of T. Over a doubled x a tap is the sum of up to four, in f32.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"
#include "conv2d_weights.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

struct Args {
  void* to;                                // (parts, out_c, k)
  const void* from;                        // (out_c, in_c, kh, kw)
  const f16* scales;                       // (out_c, in_c / 32, kh, kw), for q8 and q4
  WeightFormat format;                     // of `from`
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

// The number at `at`, which is one of the channel's.
__device__ float number(const Args& a, int out, int channel, int64_t at) {
  const auto scale = [&] {  // the same place of the kernel, of the 32 channels
    const int64_t block = out * (a.from_out / kWeightBlock) + channel / kWeightBlock * a.from_in;
    return to_float(a.scales[block + (at - out * a.from_out - channel * a.from_in)]);
  };
  switch (a.format) {
    case WeightFormat::f32:
      return static_cast<const float*>(a.from)[at];
    case WeightFormat::f16:
      return to_float(static_cast<const f16*>(a.from)[at]);
    case WeightFormat::bf16:
      return to_float(static_cast<const bf16*>(a.from)[at]);
    case WeightFormat::q8:
      return scale() * float(static_cast<const int8_t*>(a.from)[at]);
    case WeightFormat::q4: {
      const int both = static_cast<const uint8_t*>(a.from)[at / 2];
      const int bits = at % 2 == 0 ? both & 15 : both >> 4;
      return scale() * float(bits < 8 ? bits : bits - 16);
    }
  }
  return 0;
}

// 4 blocks: for 5, as many as an SM of sm_120 has threads for, ptxas would spill.
template <class T>
__global__ void __launch_bounds__(kThreads, 4) conv2d_weights(const __grid_constant__ Args a) {
  const int i = int(blockIdx.x) * kThreads + int(threadIdx.x);
  if (i >= a.row) return;
  const int out = int(blockIdx.y), part = int(blockIdx.z);
  float sum = 0;
  if (i < a.k) {
    const int tap = i / a.channels, channel = i % a.channels, row = tap / a.kw, column = tap % a.kw;
    const Span rows = a.doubled ? span_of(part / 2, row) : Span{row, row + 1};
    const Span columns = a.doubled ? span_of(part % 2, column) : Span{column, column + 1};
    const int64_t from = out * a.from_out + channel * a.from_in;
    for (int r = rows.begin; r < rows.end; ++r)
      for (int c = columns.begin; c < columns.end; ++c) sum += number(a, out, channel, from + r * a.from_kernel + c);
  }
  static_cast<T*>(a.to)[part * a.part + out * a.row + i] = from_float<T>(sum);
}

}  // namespace

Tensor conv_rows_shape(const Weight& w, WeightUse use, DType type) {
  const int64_t* d = w.values.dim;
  const bool doubled = use == WeightUse::upsample_conv;
  const int64_t size = 16 / size_of(type), taps = doubled ? 4 : d[2] * d[3];
  Tensor rows(nullptr, type, {doubled ? 4 : 1, d[0], ceil_div(taps * d[1], size) * size});
  rows.dim[2] = taps * d[1];
  return rows;
}

bool is_conv_rows(const Weight& w, WeightUse use) {
  const Tensor rows = conv_rows_shape(w, use, w.values.dtype);
  return use == WeightUse::conv && w.values.dim[2] * w.values.dim[3] == 1 && rows.dim[2] == rows.stride[1];
}

void pack_conv(const Weight& from, WeightUse use, const Tensor& rows, const Queue& queue) {
  if (rows.numel() == 0) return;
  const Tensor& w = from.values;
  const bool doubled = use == WeightUse::upsample_conv;
  const Args args{.to = rows.data,
                  .from = w.data,
                  .scales = static_cast<const f16*>(from.scales.data),
                  .format = from.format(),
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
  with_float_type(rows.dtype, Conv2d::name,
                  [&]<class T>() { launch<NoShared, conv2d_weights<T>>(grid, kThreads, queue, args); });
}

Tensor conv_rows_of(const Conv2d& op, const Queue& queue) {
  Tensor rows = conv_rows_shape(op.w, op.weight_use(), op.x.dtype);
  if (op.w.packed) {
    const auto* made = dynamic_cast<const PackedConv*>(op.w.packed);
    if (!made) fail("Conv2d: w is packed, but not for a convolution in CUDA");
    const Tensor packed = made->rows.slice(1, op.w.first_row, op.w.first_row + op.w.values.dim[0]);
    if (packed.dtype == op.x.dtype) return packed;
    rows.data = queue.scratch;
    launch_op(Convert{.y = rows, .x = packed}, queue);  // into f32, whose kernel does not read between rows
  } else {
    rows.data = queue.scratch;
    pack_conv(op.w, op.weight_use(), rows, queue);
  }
  return rows;
}

int64_t scratch_bytes(const Conv2d& op) {
  if (op.w.packed && op.w.values.dtype == op.x.dtype) return 0;
  return bytes_of(conv_rows_shape(op.w, op.weight_use(), op.x.dtype));
}

}  // namespace seedstory
