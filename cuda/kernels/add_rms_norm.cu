// AddRmsNorm (ops.h):  h <- h + r;  y <- h / sqrt(mean(h^2) + eps) * w
//
// Work    One block a row. A thread holds its part of the row in registers between the two passes, so h and r are read
//         once, h and y written once. Memory is the limit: 5 flops for every 4 * sizeof(T) bytes.
// Limits  Rows of at most 32 KiB (dim 16384 in bf16) that are whole vectors, 16-byte aligned; other rows go element by
//         element, up to dim 4096.
// Error   Against f64, relative: f32 2^-21; f16 2^-10 and bf16 2^-7, the last place, where the exact value lies next to
//         a rounding boundary; below the smallest normal number half of the smallest. The order of the sum is
//         fixed: same input, same bits.
#include "../choose.h"
#include "../device/reduce.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

// At dim 4096 in bf16 a thread holds 2 chunks in 35 registers (ptxas, sm_90a): 6 blocks, 48 warps an SM. The bound of 2
// blocks below is for dim 16384, where 3 would spill.
constexpr int kThreads = 256;

template <class T>
struct Args {
  T* y;                                  // (rows, dim)
  T* h;                                  // (rows, dim)
  const T* r;                            // (rows, dim) or null
  const float* w;                        // (dim)
  int64_t y_stride, h_stride, r_stride;  // elements from row to row
  int dim;
  float eps;
};

struct Shared {
  float partial[kThreads / kWarp];
};

// V: what is moved at once; kChunks: how many of them each thread holds. Chunk c of a thread starts at element
// (c * kThreads + thread) * V::size, so that a warp reads one unbroken stretch.
template <class T, class V, int kChunks>
__global__ void __launch_bounds__(kThreads, 2) add_rms_norm(const __grid_constant__ Args<T> a) {
  T* const h = a.h + blockIdx.x * a.h_stride;
  T* const y = a.y + blockIdx.x * a.y_stride;
  const auto first = [](int chunk) { return (chunk * kThreads + int(threadIdx.x)) * V::size; };

  V part[kChunks];
  float sum = 0;
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int at = first(chunk);
    if (at >= a.dim) break;
    part[chunk] = load_vec<V>(h + at);
    if (a.r) {
      const V r = load_vec<V>(a.r + blockIdx.x * a.r_stride + at);
      for (int i = 0; i < V::size; ++i) part[chunk].v[i] = from_float<T>(to_float(part[chunk].v[i]) + to_float(r.v[i]));
      store_vec(h + at, part[chunk]);
    }
    for (int i = 0; i < V::size; ++i) sum += to_float(part[chunk].v[i]) * to_float(part[chunk].v[i]);
  }

  sum = block_sum(sum, shared<Shared>().partial);
  const float scale = rsqrtf(sum / float(a.dim) + a.eps);

#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int at = first(chunk);
    if (at >= a.dim) break;
    float w[V::size];
    load_floats(w, a.w + at);
    V out;
    for (int i = 0; i < V::size; ++i) out.v[i] = from_float<T>(to_float(part[chunk].v[i]) * scale * w[i]);
    store_vec(y + at, out);
  }
}

}  // namespace

void launch_op(const AddRmsNorm& op, const Queue& queue) {
  const int64_t rows = op.h.rows(), dim = op.h.cols();
  if (rows == 0 || dim == 0) return;
  with_float_type(op.h.dtype, op.name, [&]<class T>() {
    const Args<T> args{.y = static_cast<T*>(op.y.data),
                       .h = static_cast<T*>(op.h.data),
                       .r = static_cast<const T*>(op.r.data),
                       .w = op.w.as<float>(),
                       .y_stride = op.y.row_stride(),
                       .h_stride = op.h.row_stride(),
                       .r_stride = op.r ? op.r.row_stride() : 0,
                       .dim = int(dim),
                       .eps = op.eps};
    const auto start = [&]<class V, int... kChunks>() {
      with_at_least<kChunks...>(ceil_div(dim, kThreads * V::size), "AddRmsNorm: chunks of a row", [&]<int n>() {
        launch<Shared, add_rms_norm<T, V, n>>(dim3(unsigned(rows)), kThreads, queue, args);
      });
    };
    const bool vectors = dim % Vec<T>::size == 0 && has_16_byte_rows(op.y) && has_16_byte_rows(op.h) &&
                         has_16_byte_rows(op.r) && has_16_byte_rows(op.w);
    if (vectors)
      start.template operator()<Vec<T>, 1, 2, 4, 8>();
    else
      start.template operator()<Vec<T, 1>, 16>();
  });
}

}  // namespace seedstory
