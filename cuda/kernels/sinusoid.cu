// Sinusoid (ops.h):  y[i] <- [cos(t_i f_j) .. | sin(t_i f_j) ..], f_j = 10000^(-j/h)
//
// Work    A thread has one frequency of one row, and writes its cosine and its sine. Some thousand numbers a picture.
// Numbers Frequencies and angles are in f32, as torch takes them (see diffusion_step.cpp). Rejected: expf, whose last
//         place at t near 1000 is 6e-5 of angle; cosf and sinf, which keep a local array for angles past 10^5.
// Limits  |t| at most 10^5: beyond, the angle is no longer reduced to all places.
// Error   Against f64 at the exact angle: |angle| (1 + |log f_j|) 2^-22 + 2^-22; then one rounding to T.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 128;

template <class T>
struct Args {
  T* y;            // (rows, 2 half)
  const float* t;  // (rows)
  int64_t y_stride;
  int half;
};

// e^x for x of [-87, 0], to 0.6 of the last place: x = k log 2 + r + rest, and one sum is rounded at the end.
__device__ float exp_of_negative(float x) {
  const float k = rintf(x * 1.44269504f);
  const float upper = fmaf(k, -0x1.62e4p-1f, x);  // exact: k times the first 16 bits of log 2
  const float r = fmaf(k, -0x1.7f7d1cp-20f, upper);
  const float rest = fmaf(k, -0x1.7f7d1cp-20f, upper - r);
  float p = 0x1.a01a02p-13f;  // 1/7!
  p = fmaf(p, r, 0x1.6c16c2p-10f), p = fmaf(p, r, 0x1.111112p-7f), p = fmaf(p, r, 0x1.555556p-5f);
  p = fmaf(p, r, 0x1.555556p-3f), p = fmaf(p, r, 0.5f);
  const float power = 1 + (r + fmaf(p * r, r, rest));
  const uint32_t bits = uint32_t(127 + int(k)) << 23;  // 2^k
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return power * scale;
}

// cos and sin of an angle, by Cody and Waite's reduction to [-pi/4, pi/4] and Cephes' polynomials.
__device__ void cos_sin(float angle, float& cosine, float& sine) {
  const float quarters = rintf(angle * 0.636619772f);
  float r = fmaf(quarters, -0x1.921fb0p+0f, angle);
  r = fmaf(quarters, -0x1.5110b4p-22f, r);
  r = fmaf(quarters, -0x1.846988p-48f, r);
  const float r2 = r * r;
  const float s = fmaf(fmaf(fmaf(-1.9515295891e-4f, r2, 8.3321608736e-3f), r2, -1.6666654611e-1f), r2 * r, r);
  const float c = fmaf(fmaf(fmaf(2.443315711809948e-5f, r2, -1.388731625493765e-3f), r2, 4.166664568298827e-2f),
                       r2 * r2, fmaf(-0.5f, r2, 1));
  const int quarter = int(quarters) & 3;
  cosine = quarter % 2 == 0 ? c : s;
  sine = quarter % 2 == 0 ? s : c;
  if (quarter == 1 || quarter == 2) cosine = -cosine;
  if (quarter >= 2) sine = -sine;
}

template <class T>
__global__ void __launch_bounds__(kThreads) sinusoid(const __grid_constant__ Args<T> a) {
  const int j = int(blockIdx.y) * kThreads + int(threadIdx.x);
  if (j >= a.half) return;
  const float exponent = -9.21034037f * float(j) / float(a.half);  // log 10000
  float cosine, sine;
  cos_sin(a.t[blockIdx.x] * exp_of_negative(exponent), cosine, sine);
  T* const y = a.y + blockIdx.x * a.y_stride;
  y[j] = from_float<T>(cosine);
  y[a.half + j] = from_float<T>(sine);
}

}  // namespace

void launch_op(const Sinusoid& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  with_float_type(op.y.dtype, op.name, [&]<class T>() {
    const Args<T> args{.y = static_cast<T*>(op.y.data),
                       .t = op.t.as<float>(),
                       .y_stride = op.y.row_stride(),
                       .half = int(op.y.cols() / 2)};
    const dim3 grid(unsigned(op.y.rows()), unsigned(ceil_div(args.half, kThreads)));
    launch<NoShared, sinusoid<T>>(grid, kThreads, queue, args);
  });
}

}  // namespace seedstory
