// SchedulerStep (ops.h):  x and h <- row `step` of the coefficients, applied to x, m and h;  step <- step + 1
//
// Work    A thread takes 4 latents, 16 bytes of x and h and as much of m, so that a warp reads and writes unbroken
//         stretches, each once. A second kernel of one thread then counts the step: the blocks of one launch have no
//         order, and every one of them reads `step`.
// Limits  2^31 such pieces. Views whose rows are not whole vectors go element by element.
// Error   Against f64, of the magnitudes of the at most four products: 4 * 2^-24, as each of them is rounded once and
//         passes through at most three sums.
#include "../choose.h"
#include "../device/offsets.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Args {
  float* x;
  const T* uncond;  // or null
  const T* cond;
  float* history;             // or null
  Offsets<4> offsets;         // of x, uncond, cond, history; of what is absent, any
  const float* coefficients;  // (steps, StepCoefficients)
  int64_t coefficients_stride;
  const int32_t* step;
};

template <class T, int kSize>
__global__ void __launch_bounds__(kThreads) scheduler_step(const __grid_constant__ Args<T> a) {
  const uint32_t piece = blockIdx.x * kThreads + threadIdx.x;
  if (piece >= a.offsets.pieces) return;
  int64_t at[4];
  a.offsets.template of_piece<kSize>(piece, at);
  const StepCoefficients c =  // all of it at once; what is not multiplied is not looked at
      *reinterpret_cast<const StepCoefficients*>(a.coefficients + *a.step * a.coefficients_stride);

  using F = Vec<float, kSize>;
  using M = Vec<T, kSize>;
  F x = load_vec<F>(a.x + at[0]), history{};
  const M cond = load_vec<M>(a.cond + at[2]);
  const M uncond = a.uncond ? load_vec<M>(a.uncond + at[1]) : M{};
  const float of_history = a.history ? c.latent.history : 0;
  if (of_history != 0) history = load_vec<F>(a.history + at[3]);
  for (int i = 0; i < kSize; ++i) {
    const float before = x.v[i], m_c = to_float(cond.v[i]);
    const auto sum = [&](float of_x, float of_uncond, float of_cond) {
      float m = of_cond * m_c;
      if (a.uncond) m += of_uncond * to_float(uncond.v[i]);
      return of_x * before + m;
    };
    x.v[i] = sum(c.latent.x, c.latent.uncond, c.latent.cond);
    if (of_history != 0) x.v[i] += of_history * history.v[i];
    if (a.history) history.v[i] = sum(c.history.x, c.history.uncond, c.history.cond);
  }
  store_vec(a.x + at[0], x);
  if (a.history) store_vec(a.history + at[3], history);
}

__global__ void __launch_bounds__(1) count_step(int32_t* step) {
  ++*step;
}

}  // namespace

void launch_op(const SchedulerStep& op, const Queue& queue) {
  const int64_t n = op.x.dim[0];
  if (op.x.numel() > 0)
    with_float_type(op.m.dtype, op.name, [&]<class T>() {
      const bool guided = op.m.dim[0] > n;
      const Tensor uncond = op.m.slice(0, 0, n), cond = guided ? op.m.slice(0, n, 2 * n) : uncond;
      const Tensor tensors[] = {op.x, uncond, cond, op.history ? op.history : op.x};
      Args<T> args{.x = op.x.as<float>(),
                   .uncond = guided ? static_cast<const T*>(uncond.data) : nullptr,
                   .cond = static_cast<const T*>(cond.data),
                   .history = op.history ? op.history.as<float>() : nullptr,
                   .offsets = offsets_of(tensors),
                   .coefficients = op.coefficients.as<float>(),
                   .coefficients_stride = op.coefficients.row_stride(),
                   .step = op.step.as<int32_t>()};
      in_pieces<4>(args.offsets, tensors, op.name, [&]<int kSize>() {
        const dim3 grid(unsigned(ceil_div(args.offsets.pieces, kThreads)));
        launch<NoShared, scheduler_step<T, kSize>>(grid, kThreads, queue, args);
      });
    });
  launch<NoShared, count_step>(1, 1, queue, op.step.as<int32_t>());
}

}  // namespace seedstory
