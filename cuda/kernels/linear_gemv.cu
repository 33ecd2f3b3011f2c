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
#include "linear.cuh"

namespace seedstory {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr int kWeightRows = 16, kTokens = kGemvRows;  // of a block: mma's rows and columns
constexpr int kPieces = 4;                            // of 32 of k, a lane having 8 of them
constexpr int kTurn = kPieces * 32;

struct Shared {
  // 4 columns more than there are: what lanes of mma hold falls into different banks.
  float sums[kWarps][kTokens][kWeightRows + 4];
};

// 8 elements of a row, from `at` on, as mma's pairs; zeros for a row that is null, and from element k on.
template <class T, bool kAligned>
__device__ Vec<uint32_t> load_piece(const T* row, int64_t at, int64_t k) {
  if (!row || at >= k) return {};
  if constexpr (kAligned) {
    return load_vec<Vec<uint32_t>>(row + at);
  } else {
    Vec<T> elements;
    for (int i = 0; i < Vec<T>::size; ++i) elements.v[i] = at + i < k ? row[at + i] : from_float<T>(0);
    Vec<uint32_t> pairs;
    memcpy(&pairs, &elements, sizeof(pairs));
    return pairs;
  }
}

template <class T, bool kAligned, bool kGate>
__global__ void __launch_bounds__(kThreads, 3) linear_gemv(const __grid_constant__ LinearArgs<T> a) {
  auto& sums = shared<Shared>().sums;
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  constexpr int kCols = kGate ? kWeightRows / 2 : kWeightRows;  // of y
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
  for (int64_t turn = warp * kTurn; turn < a.k; turn += kWarps * kTurn) {
    Vec<uint32_t> w_pairs[kPieces][2], x_pairs[kPieces];
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      const int64_t at = turn + i * 32 + lane % 4 * 8;
      for (int half = 0; half < 2; ++half) w_pairs[i][half] = load_piece<T, kAligned>(w[half], at, a.k);
      x_pairs[i] = load_piece<T, kAligned>(x, at, a.k);
    }
    // mma takes the pairs of a lane to be 2 and 2 of 16 neighbours in k. They are 4 of a lane's 8, in a and in b: which
    // k is called which does not matter to the sum.
#pragma unroll
    for (int i = 0; i < kPieces; ++i)
      for (int pair = 0; pair < 4; pair += 2) {
        const uint32_t w_frag[4] = {w_pairs[i][0].v[pair], w_pairs[i][1].v[pair], w_pairs[i][0].v[pair + 1],
                                    w_pairs[i][1].v[pair + 1]};
        const uint32_t x_frag[2] = {x_pairs[i].v[pair], x_pairs[i].v[pair + 1]};
        mma<T>(sum, w_frag, x_frag);
      }
  }

  for (int i = 0; i < 4; ++i) sums[warp][lane % 4 * 2 + i % 2][i / 2 * 8 + group] = sum[i];
  __syncthreads();  // every warp's sums are there to be added up
  const int token = int(threadIdx.x) / kCols, at = int(threadIdx.x) % kCols;
  if (token >= a.end.rows || first_col + at >= a.end.cols) return;
  const auto total = [&](int weight_row) {
    float all = 0;
    for (int i = 0; i < kWarps; ++i) all += sums[i][token][weight_row];
    return all;
  };
  const float value = total(at), gate = kGate ? total(kCols + at) : 0;
  Columns<T, kGate, 1>(a.end, first_col + at).finish(a.end, a.end.row(token), &value, &gate);
}

}  // namespace

template <class T, bool kGate>
void launch_linear_gemv(const LinearArgs<T>& args, bool aligned, const Queue& queue) {
  const dim3 grid(unsigned(ceil_div(args.end.cols, kGate ? kWeightRows / 2 : kWeightRows)));
  if (aligned)
    launch<Shared, linear_gemv<T, true, kGate>>(grid, kThreads, queue, args);
  else
    launch<Shared, linear_gemv<T, false, kGate>>(grid, kThreads, queue, args);
}
template void launch_linear_gemv<f16, false>(const LinearArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv<f16, true>(const LinearArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv<bf16, false>(const LinearArgs<bf16>&, bool, const Queue&);
template void launch_linear_gemv<bf16, true>(const LinearArgs<bf16>&, bool, const Queue&);

}  // namespace seedstory
