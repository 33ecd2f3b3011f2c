// SiluMul (ops.h):  y <- silu(gate) * up
//
// Work    A thread takes one vector of each operand. Memory is the limit: some 10 flops for every 3 * sizeof(T) bytes.
// Limits  None; rows that are not whole vectors, 16-byte aligned, go element by element.
// Error   Against f64, relative: f32 2^-21; f16 2^-10 and bf16 2^-7, the last place, where the exact value lies next to
//         a rounding boundary; below the smallest normal number half of the smallest.
#include "../choose.h"
#include "../device/activate.cuh"
#include "../device/vec.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Args {
  T* y;                                      // (rows, dim)
  const T* gate;                             // (rows, dim)
  const T* up;                               // (rows, dim)
  int64_t y_stride, gate_stride, up_stride;  // elements from row to row
  int64_t dim;
  unsigned row_blocks;  // that share a row
};

struct Shared {};

template <class T, class V>
__global__ void __launch_bounds__(kThreads) silu_mul(const __grid_constant__ Args<T> a) {
  const int64_t row = blockIdx.x / a.row_blocks;
  const int64_t at = (int64_t(blockIdx.x % a.row_blocks) * kThreads + threadIdx.x) * V::size;
  if (at >= a.dim) return;
  const V gate = load_vec<V>(a.gate + row * a.gate_stride + at);
  const V up = load_vec<V>(a.up + row * a.up_stride + at);
  V out;
  for (int i = 0; i < V::size; ++i) out.v[i] = from_float<T>(silu(to_float(gate.v[i])) * to_float(up.v[i]));
  store_vec(a.y + row * a.y_stride + at, out);
}

}  // namespace

void launch_op(const SiluMul& op, Stream stream) {
  if (op.y.numel() == 0) return;
  const bool one_row = op.y.contiguous() && op.gate.contiguous() && op.up.contiguous();
  const int64_t rows = one_row ? 1 : op.y.rows(), dim = one_row ? op.y.numel() : op.y.cols();
  with_float_type(op.y.dtype, op.name, [&]<class T>() {
    const auto start = [&]<class V>() {
      const int64_t row_blocks = ceil_div(dim, kThreads * V::size);
      const Args<T> args{.y = static_cast<T*>(op.y.data),
                         .gate = static_cast<const T*>(op.gate.data),
                         .up = static_cast<const T*>(op.up.data),
                         .y_stride = op.y.row_stride(),
                         .gate_stride = op.gate.row_stride(),
                         .up_stride = op.up.row_stride(),
                         .dim = dim,
                         .row_blocks = unsigned(row_blocks)};
      launch<Shared>(silu_mul<T, V>, dim3(unsigned(rows * row_blocks)), kThreads, stream, args);
    };
    if (dim % Vec<T>::size == 0 && has_16_byte_rows(op.y) && has_16_byte_rows(op.gate) && has_16_byte_rows(op.up))
      start.template operator()<Vec<T>>();
    else
      start.template operator()<Vec<T, 1>>();
  });
}

}  // namespace seedstory
