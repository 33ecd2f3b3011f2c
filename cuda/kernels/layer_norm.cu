// LayerNorm (ops.h):  y <- (x - mean) / sqrt(var + eps) * w + b
//
// Work    One warp a row. A lane holds its part of the row in registers between the passes, so x is read once and y
//         written once, and no warp waits for another. Memory is the limit: 7 flops for every 2 * sizeof(T) bytes.
// Limits  Rows up to dim 4096 that are whole vectors, 16-byte aligned; other rows go element by element, up to dim
//         2048. The axes before the last have at most two strides: the last of them, and those before it as one,
//         of 65535 at most.
// Error   Against f64, of the magnitude that counts the cancellation of x - mean: 2^-21, and the rounding of y to f16
//         or bf16. The order of the sums is fixed: same input, same bits.
#include "../choose.h"
#include "../device/reduce.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

// Few warps a block: the 64 rows of an image's tokens are 16 blocks.
constexpr int kThreads = 128, kRows = kThreads / kWarp;

template <class T>
struct Args {
  T* y;                        // (outer, rows, dim)
  const T* x;                  // (outer, rows, dim)
  const float *w, *b;          // (dim)
  int64_t y_stride, x_stride;  // elements from row to row
  int64_t y_outer, x_outer;    // elements from one `outer` to the next
  int64_t rows;
  int dim;
  float eps;
};

// V: what is moved at once; kChunks: how many of them each lane holds. Chunk c of a lane starts at element
// (c * kWarp + lane) * V::size, so that a warp reads one unbroken stretch. 16 chunks of bf16
// are 164 registers (ptxas), as it keeps numbers unpacked from pass to pass and would spill at 128. Rows that long are
// the resampler's, 64 of them: 16 blocks, and no card is full.
template <class T, class V, int kChunks>
__global__ void __launch_bounds__(kThreads, 2) layer_norm(const __grid_constant__ Args<T> a) {
  const int lane = int(threadIdx.x) % kWarp;
  const int64_t row = int64_t(blockIdx.x) * kRows + threadIdx.x / kWarp;
  if (row >= a.rows) return;  // the whole warp
  const T* const x = a.x + blockIdx.y * a.x_outer + row * a.x_stride;
  T* const y = a.y + blockIdx.y * a.y_outer + row * a.y_stride;
  const auto first = [lane](int chunk) { return (chunk * kWarp + lane) * V::size; };

  V part[kChunks];
  float sum = 0;
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    if (first(chunk) >= a.dim) break;
    part[chunk] = load_vec<V>(x + first(chunk));
    for (int i = 0; i < V::size; ++i) sum += to_float(part[chunk].v[i]);
  }

  // A centre near the mean; what it misses is in the sum of the differences.
  const float centre = warp_sum(sum) / float(a.dim);
  float differences = 0, squares = 0;
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    if (first(chunk) >= a.dim) break;
    for (int i = 0; i < V::size; ++i) {
      const float d = to_float(part[chunk].v[i]) - centre;
      differences += d;
      squares += d * d;
    }
  }
  const float miss = warp_sum(differences) / float(a.dim);
  const float scale = rsqrtf(warp_sum(squares) / float(a.dim) - miss * miss + a.eps);

#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int at = first(chunk);
    if (at >= a.dim) break;
    float w[V::size], b[V::size];
    load_floats(w, a.w + at);
    load_floats(b, a.b + at);
    V out;
    for (int i = 0; i < V::size; ++i)
      out.v[i] = from_float<T>((to_float(part[chunk].v[i]) - centre - miss) * scale * w[i] + b[i]);
    store_vec(y + at, out);
  }
}

// Elements from one block of rows to the next, where the rows of a block are the last axis but one.
int64_t outer_stride(Tensor t) {
  if (t.rank < 3) return 0;
  --t.rank;
  return t.row_stride();
}

}  // namespace

void launch_op(const LayerNorm& op, const Queue& queue) {
  if (op.x.numel() == 0) return;
  const Tensor &x = op.x, &y = op.y;
  const int64_t rows = x.rank < 2 ? 1 : x.dim[x.rank - 2], dim = x.cols();
  with_float_type(x.dtype, op.name, [&]<class T>() {
    const Args<T> args{.y = static_cast<T*>(y.data),
                       .x = static_cast<const T*>(x.data),
                       .w = op.w.as<float>(),
                       .b = op.b.as<float>(),
                       .y_stride = y.rank < 2 ? 0 : y.stride[y.rank - 2],
                       .x_stride = x.rank < 2 ? 0 : x.stride[x.rank - 2],
                       .y_outer = outer_stride(y),
                       .x_outer = outer_stride(x),
                       .rows = rows,
                       .dim = int(dim),
                       .eps = op.eps};
    const dim3 grid(unsigned(ceil_div(rows, kRows)), unsigned(x.rows() / rows));
    const auto start = [&]<class V, int... kChunks>() {
      with_at_least<kChunks...>(ceil_div(dim, kWarp * V::size), "LayerNorm: chunks of a row",
                                [&]<int n>() { launch<NoShared, layer_norm<T, V, n>>(grid, kThreads, queue, args); });
    };
    const bool vectors = dim % Vec<T>::size == 0 && has_16_byte_rows(y) && has_16_byte_rows(x) &&
                         has_16_byte_rows(op.w) && has_16_byte_rows(op.b);
    if constexpr (sizeof(T) == 4) {
      if (vectors) return start.template operator()<Vec<T>, 5, 10, 16, 32>();
    } else {
      if (vectors) return start.template operator()<Vec<T>, 3, 5, 8, 16>();
    }
    start.template operator()<Vec<T, 1>, 64>();
  });
}

}  // namespace seedstory
