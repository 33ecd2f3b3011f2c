// NormalizeTokens and MeanTokens (ops.h): reductions over the token axis.
//
// Work    A block owns 32 columns of one picture: a lane a column, a warp every eighth token, so that a warp reads
//         whole sectors of a row. Not 16 bytes a lane: the columns are few, and a quarter of the blocks would keep less
//         of the card busy. NormalizeTokens reads x twice, the second time from L2.
// Limits  None but f32's range, in which the squares of a column must sum.
// Error   Against f64, of the magnitude: (tokens / 8 + 10) 2^-24, one rounding for each of a warp's tokens, 8 for the
//         warps and two; of a square root half of it and two more roundings. Then one rounding to T. The order of the
//         sums is fixed: same input, same bits.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kWarp;

template <class T>
struct Args {
  T* y;
  const T* x;                    // (n, tokens, dim)
  int64_t y_picture, x_picture;  // elements from picture to picture
  int64_t y_token, x_token;      // and from token to token
  int64_t tokens, dim;
};

struct Shared {
  float partial[kWarps][kWarp];
};

// The sum of f(x) over the tokens of the column that `x` points at. Who calls: every thread of the block, each with the
// column of its lane. Who gets the sum: every thread, that of its column.
template <class T, class F>
__device__ float sum_of_tokens(const Args<T>& a, const T* x, bool inside, F&& f) {
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  float sum = 0;
  for (int64_t token = warp; inside && token < a.tokens; token += kWarps) sum += f(to_float(x[token * a.x_token]));
  auto& partial = shared<Shared>().partial;
  partial[warp][lane] = sum;
  __syncthreads();  // every warp's part is there before anyone adds them up
  sum = 0;
  for (int i = 0; i < kWarps; ++i) sum += partial[i][lane];
  return sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads) normalize_tokens(const __grid_constant__ Args<T> a) {
  const int64_t col = int64_t(blockIdx.x) * kWarp + threadIdx.x % kWarp;
  const bool inside = col < a.dim;
  const T* const x = a.x + blockIdx.y * a.x_picture + col;
  T* const y = a.y + blockIdx.y * a.y_picture + col;
  const float norm = sqrtf(sum_of_tokens(a, x, inside, [](float v) { return v * v; }));
  const float divisor = norm < 1e-12f ? 1e-12f : norm;  // a NaN stays one
  for (int64_t token = threadIdx.x / kWarp; inside && token < a.tokens; token += kWarps)
    y[token * a.y_token] = from_float<T>(to_float(x[token * a.x_token]) / divisor);
}

template <class T>
__global__ void __launch_bounds__(kThreads) mean_tokens(const __grid_constant__ Args<T> a) {
  const int64_t col = int64_t(blockIdx.x) * kWarp + threadIdx.x % kWarp;
  const bool inside = col < a.dim;
  const float sum = sum_of_tokens(a, a.x + blockIdx.y * a.x_picture + col, inside, [](float v) { return v; });
  if (inside && threadIdx.x < kWarp) a.y[blockIdx.y * a.y_picture + col] = from_float<T>(sum / float(a.tokens));
}

template <class T>
Args<T> args_of(const Tensor& y, const Tensor& x) {
  return {.y = static_cast<T*>(y.data),
          .x = static_cast<const T*>(x.data),
          .y_picture = y.stride[0],
          .x_picture = x.stride[0],
          .y_token = y.stride[1],
          .x_token = x.stride[1],
          .tokens = x.dim[1],
          .dim = x.dim[2]};
}

dim3 blocks_for(const Tensor& x) {
  return dim3(unsigned(ceil_div(x.dim[2], kWarp)), unsigned(x.dim[0]));
}

}  // namespace

void launch_op(const NormalizeTokens& op, const Queue& queue) {
  if (op.x.numel() == 0) return;
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    launch<Shared, normalize_tokens<T>>(blocks_for(op.x), kThreads, queue, args_of<T>(op.y, op.x));
  });
}

void launch_op(const MeanTokens& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    launch<Shared, mean_tokens<T>>(blocks_for(op.x), kThreads, queue, args_of<T>(op.y, op.x));
  });
}

}  // namespace seedstory
