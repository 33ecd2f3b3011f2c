// Linear and GatedLinear (ops.h) for 1 to 8 rows of f16 and bf16, w in q8 or q4.
//
// Work    As linear_gemv.cu, of half or a quarter of the bytes: of a panel (block_panels.h) a lane loads 16 bytes, its
//         8 numbers of 2 rows of w, in q4 of two blocks. 4 such loads a turn are on their way at once, 2 KiB a warp, of
//         24 warps an SM in q8, of 16 in q4, where a turn's x takes registers. The integers become numbers of T without
//         rounding (device/block_panels.cuh); a block of 32 of k is a sum of its own from zero, which its scale adds to
//         the row's in f32.
// Limits  At most 8 rows. Rows of x that are not whole pieces of 16 bytes are loaded element by element.
// Error   As linear_gemv.cu: products of integers are exact, sums of 32 are f32's, and one fma a block more. Neither
//         weights nor scales are rounded. A sum's bits depend on its row of x, its row of w and k alone.
#include "../device/block_panels.cuh"
#include "linear.cuh"

namespace seedstory {
namespace {

template <class T, int kBits, bool kAligned, bool kGate>
__global__ void __launch_bounds__(kGemvThreads, kBits == 8 ? 3 : 2)
    linear_gemv_blocks(const __grid_constant__ BlockArgs<T> a) {
  constexpr int kPieces = 4, kPieceBlocks = 8 / kBits, kTurn = kPieces * kPieceBlocks;
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp, group = lane / 4;
  const int64_t panel = blockIdx.x;
  const auto* const w =
      static_cast<const Vec<uint32_t>*>(a.w.values) + panel * (a.w.blocks / kPieceBlocks) * kWarp + lane;
  const f16* const scales = a.w.scales + (panel * a.w.blocks * 8 + group) * 2;
  const int blocks = int(a.w.blocks);
  const T* const x = group < a.end.rows ? a.x + group * a.x_stride : nullptr;

  float sum[4] = {};
#pragma unroll 1
  for (int first = warp * kTurn; first < blocks; first += kGemvWarps * kTurn) {
    Vec<uint32_t> pieces[kPieces], x_pairs[kTurn];
    Vec<f16, 2> scale[kTurn];  // of rows group and group + 8
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      const int piece = first / kPieceBlocks + i;
      pieces[i] = piece * kPieceBlocks < blocks ? load_vec<Vec<uint32_t>>(w + piece * kWarp) : Vec<uint32_t>{};
    }
#pragma unroll
    for (int i = 0; i < kTurn; ++i) {
      const int block = first + i;
      scale[i] = block < blocks ? load_vec<Vec<f16, 2>>(scales + block * 16) : Vec<f16, 2>{};
      x_pairs[i] = load_piece<T, kAligned>(x, int64_t(block) * 32 + lane % 4 * 8, a.k);
    }
#pragma unroll
    for (int i = 0; i < kTurn; ++i) {
      constexpr int kWords = kBits / 4;  // of a row
      const uint32_t* const words = pieces[i / kPieceBlocks].v + i % kPieceBlocks * 2 * kWords;
      uint32_t upper[4], lower[4];
      unpack<T, kBits>(upper, words);
      unpack<T, kBits>(lower, words + kWords);
      float block_sum[4] = {};
      multiply_piece<T>(block_sum, upper, lower, x_pairs[i].v);
      for (int j = 0; j < 4; ++j) sum[j] = fmaf(to_float(scale[i].v[j / 2]), block_sum[j], sum[j]);
    }
  }
  finish_gemv<T, kGate>(a.end, shared<GemvSums>(), sum, panel * kGemvCols<kGate>);
}

template <class T, int kBits, bool kGate>
void launch_bits(const BlockArgs<T>& args, bool aligned, const Queue& queue) {
  const dim3 grid(unsigned(args.w.panels));
  if (aligned)
    launch<GemvSums, linear_gemv_blocks<T, kBits, true, kGate>>(grid, kGemvThreads, queue, args);
  else
    launch<GemvSums, linear_gemv_blocks<T, kBits, false, kGate>>(grid, kGemvThreads, queue, args);
}

}  // namespace

template <class T, bool kGate>
void launch_linear_gemv_blocks(const BlockArgs<T>& args, bool aligned, const Queue& queue) {
  args.w.is_q4 ? launch_bits<T, 4, kGate>(args, aligned, queue) : launch_bits<T, 8, kGate>(args, aligned, queue);
}
template void launch_linear_gemv_blocks<f16, false>(const BlockArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv_blocks<f16, true>(const BlockArgs<f16>&, bool, const Queue&);
template void launch_linear_gemv_blocks<bf16, false>(const BlockArgs<bf16>&, bool, const Queue&);
template void launch_linear_gemv_blocks<bf16, true>(const BlockArgs<bf16>&, bool, const Queue&);

}  // namespace seedstory
