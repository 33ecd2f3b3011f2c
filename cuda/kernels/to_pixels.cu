// ToPixels (ops.h):  y <- 255 clamp(x / 2 + 0.5, 0, 1), half to even;  bad <- how many of x are not finite
//
// Work    A thread takes 16 bytes of x; a warp reads and writes unbroken stretches. A kernel of one thread before it
//         sets `bad` to 0; a warp that has something to count adds it, in integers: in any order the same number.
// Limits  2^31 such pieces. Views whose rows are not whole vectors, or not aligned to them, go element by element.
// Error   None: each step of the formula is rounded in f32, as the CPU's (to_pixels.cpp).
#include "../choose.h"
#include "../device/offsets.cuh"
#include "../device/reduce.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Args {
  uint8_t* y;
  const T* x;
  uint32_t* bad;
  Offsets<2> offsets;  // of y, x
};

// rintf and not a sum that drops the fraction: nvcc would make one fma of that and the product, with one rounding.
__device__ uint8_t pixel(float x) {
  const float unit = x / 2 + 0.5f;
  return uint8_t(rintf((unit > 0 ? unit < 1 ? unit : 1 : 0) * 255));
}

template <class T, int kSize>
__global__ void __launch_bounds__(kThreads) to_pixels(const __grid_constant__ Args<T> a) {
  const uint32_t piece = blockIdx.x * kThreads + threadIdx.x;
  uint32_t wrong = 0;
  if (piece < a.offsets.pieces) {
    int64_t at[2];
    a.offsets.template of_piece<kSize>(piece, at);
    const auto x = load_vec<Vec<T, kSize>>(a.x + at[1]);
    Vec<uint8_t, kSize> y;
    for (int i = 0; i < kSize; ++i) {
      y.v[i] = pixel(to_float(x.v[i]));
      wrong += fabsf(to_float(x.v[i])) < INFINITY ? 0 : 1;  // a NaN is not less
    }
    store_vec(a.y + at[0], y);
  }
  wrong = warp_sum(wrong);
  if (wrong > 0 && threadIdx.x % kWarp == 0) atomic_add(a.bad, wrong);
}

__global__ void __launch_bounds__(1) clear_bad(uint32_t* bad) {
  *bad = 0;
}

}  // namespace

void launch_op(const ToPixels& op, const Queue& queue) {
  uint32_t* const bad = reinterpret_cast<uint32_t*>(op.bad.as<int32_t>());
  launch<NoShared, clear_bad>(1, 1, queue, bad);
  if (op.x.numel() == 0) return;
  with_float_type(op.x.dtype, op.name, [&]<class T>() {
    const Tensor tensors[] = {op.y, op.x};
    Args<T> args{
        .y = op.y.as<uint8_t>(), .x = static_cast<const T*>(op.x.data), .bad = bad, .offsets = offsets_of(tensors)};
    in_pieces<Vec<T>::size>(args.offsets, tensors, op.name, [&]<int kSize>() {
      const dim3 grid(unsigned(ceil_div(args.offsets.pieces, kThreads)));
      launch<NoShared, to_pixels<T, kSize>>(grid, kThreads, queue, args);
    });
  });
}

}  // namespace seedstory
