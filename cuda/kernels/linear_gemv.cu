// Linear and GatedLinear (ops.h) for 1 to 8 rows of f16 and bf16: one token, or a few.
//
// Work    To read w once is all there is to do: 2 rows flops for 2 bytes. 16 rows of w are mma's a and come from memory
//         into the registers where mma wants them, 16 bytes a lane; 8 rows of x are the columns of its b. The 8 warps
//         of a block take turns along k, kTurn at a time, so that a block reads 2 KiB of each of its rows in one go: 4
//         KiB a warp are on their way at once, and an SM holds 24 warps. With a gate 8 of the 16 rows are the gates of
//         the other 8.
// Limits  At most 8 rows. Rows of x and w that are not whole pieces of 16 bytes are loaded element by element.
// Error   As linear.cu. A warp adds its turns in order, 16 of k at a time from zero, then the warps' sums are added in
//         order: a sum's bits depend on its row of x, its row of w and k alone, and are not those of linear.cu.
#include "../device/gemv.cuh"
#include "linear.cuh"

namespace seedstory {
namespace {

constexpr int kPieces = 4;  // of 32 of k, a lane having 8 of them
constexpr int kTurn = kPieces * 32;

template <class T, bool kAligned, bool kGate>
__global__ void __launch_bounds__(kGemvThreads, 3) linear_gemv(const __grid_constant__ LinearArgs<T> a) {
  auto& sums = shared<GemvSums>();
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  constexpr int kCols = kGemvCols<kGate>;
  const int64_t first_col = int64_t(blockIdx.x) * kCols;
  const int group = lane / 4;
  const T* w[2];
  for (int half = 0; half < 2; ++half) {
    const int row = half * 8 + group;
    const int64_t col = first_col + row % kCols;
    w[half] = col < a.end.cols ? a.w + (row / kCols * a.end.cols + col) * a.w_stride : nullptr;
  }
  const T* const x = group < a.end.rows ? a.x + group * a.x_stride : nullptr;

  float sum[4] = {};
#pragma unroll 1
  for (int64_t turn = warp * kTurn; turn < a.k; turn += kGemvWarps * kTurn) {
    Vec<uint32_t> w_pairs[kPieces][2], x_pairs[kPieces];
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      const int64_t at = turn + i * 32 + lane % 4 * 8;
      for (int half = 0; half < 2; ++half) w_pairs[i][half] = load_piece<T, kAligned>(w[half], at, a.k);
      x_pairs[i] = load_piece<T, kAligned>(x, at, a.k);
    }
#pragma unroll
    for (int i = 0; i < kPieces; ++i) multiply_piece<T>(sum, w_pairs[i][0].v, w_pairs[i][1].v, x_pairs[i].v);
  }
  finish_gemv<T, kGate>(a.end, sums, sum, first_col);
}

}  // namespace

template <class T, bool kGate>
void launch_linear_gemv(const LinearArgs<T>& args, bool aligned, const Queue& queue) {
  const dim3 grid(unsigned(ceil_div(args.end.cols, kGemvCols<kGate>)));
  if (aligned)
    launch<GemvSums, linear_gemv<T, true, kGate>>(grid, kGemvThreads, queue, args);
  else
    launch<GemvSums, linear_gemv<T, false, kGate>>(grid, kGemvThreads, queue, args);
}
template void launch_linear_gemv<f16, false>(const LinearArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv<f16, true>(const LinearArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv<bf16, false>(const LinearArgs<bf16>&, bool, const Queue&);
template void launch_linear_gemv<bf16, true>(const LinearArgs<bf16>&, bool, const Queue&);

}  // namespace seedstory
