// The inner loops of this backend: what is worth vector instructions. A backend computes with one of kernel_sets().
//
// Every function works on one thread and gives the same bits in each of the sets, because all are one text over Lanes
// of sixteen (lanes_*.h): kernels_portable.cpp, kernels_avx2.cpp and kernels_avx512.cpp only differ in the flags they
// are built with.
#pragma once

#include <vector>

#include "seedstory/cpu_set.h"
#include "seedstory/ops.h"

namespace seedstory::cpu {

constexpr int64_t kNR = 16;  // columns of a packed matrix that lie side by side: one Lanes

// c (rows, 16 panels) <- or += a (rows, depth) b (depth, 16 panels), see microkernel.h. Strides in elements.
template <class A, class B>
struct GemmArgs {
  int64_t rows, panels, depth;
  const A* a;
  int64_t a_stride;
  const B* b;
  int64_t panel_stride;  // from a panel of b to the next
  float* c;
  int64_t c_stride;
  bool accumulate = false;
};

// c [column][place] <- for places side by side, a multiple of sixteen, the sum over k of w[k][column] x[offsets[k] +
// place], with the bits of multiply(); w is a panel, of which the first `columns` count.
struct ConvDirectArgs {
  int64_t columns, depth;
  const float* w;
  const float* x;
  const int64_t* offsets;
  int64_t places;
  float* c;
};

// y <- act(c + bias) + residual, row by row; bias and residual may be null.
struct EpilogueArgs {
  int64_t rows, columns;
  const float* c;
  int64_t c_stride;
  const float* bias;
  Activation act;
  const float* residual;
  int64_t residual_stride;
  float* y;
  int64_t y_stride;
};

// y <- (a + a_bias) * act(g + g_bias), row by row; a and g have one stride, and either both biases or none.
struct GatedEpilogueArgs {
  int64_t rows, columns;
  const float *a, *g;
  int64_t stride;
  const float *a_bias, *g_bias;
  Activation act;
  float* y;
  int64_t y_stride;
};

// Softmax over one tile of keys, see softmax.h.
struct OnlineSoftmaxArgs {
  int64_t keys;
  float scale;
  float *scores, *row_max, *row_sum;
  int64_t dim;
  float* out;
};

// For each channel over `pixels` lines: some centre, and the sums of (x - centre) and of its square.
struct ChannelSumsArgs {
  int64_t channels, pixels;
  const float* x;
  int64_t stride;
  float *centre, *first, *second;
};

// y <- act(x * scale + offset), a number a channel
struct ScaleChannelsArgs {
  int64_t channels, pixels;
  const float* x;
  int64_t x_stride;
  const float *scale, *offset;
  Activation act;
  float* y;
  int64_t y_stride;
};

// Products of numbers in bf16 with sums in f32, by instructions of their own. A panel has its depth in pairs:
// [k / 2][column][k % 2], the depth even. An element's bits depend on its depth and on the instruction set alone.
struct Bf16Kernels {
  // high <- x in bf16, low <- in bf16 what that leaves of x; low may be null.
  void (*split)(int64_t count, const float* x, uint16_t* high, uint16_t* low);
  void (*multiply)(const GemmArgs<uint16_t, uint16_t>&);
};

// A panel of q8 or q4 is cut into blocks of 32 along k. A block of q8 is [k / 4][column][k % 4], each byte the integer
// plus 128; of q4 it is [k / 8][column][k % 4], each byte the integers of k and, in its upper half, of k + 4, both plus
// 8. So an instruction that multiplies bytes without a sign by bytes with one adds four products a column, and what it
// has too much is the same for every column.
constexpr int kQ8Offset = 128, kQ4Offset = 8;

// Rows of numbers rounded to int8 in blocks of 32 along k: 127 stands for the largest size in a block.
struct Int8Rows {
  int8_t* values;
  int64_t stride;  // from a row to the next
  float* scales;
  int32_t* starts;  // - the weight's offset times the sum of a block's integers
  int64_t blocks;   // from a row's scales and starts to the next one's

  // From a row and from a multiple of 32 along k on.
  Int8Rows from(int64_t row, int64_t k) const {
    const int64_t block = row * blocks + k / kWeightBlock;
    return {values + row * stride + k, stride, scales + block, starts + block, blocks};
  }
};

// c (rows, 16 panels) <- or += a b. depth is a multiple of 32.
struct Int8Args {
  int64_t rows, panels, depth;
  Int8Rows a;
  const uint8_t* b;
  int64_t panel_bytes;  // from a panel of b to the next
  const uint16_t* b_scales;
  int64_t panel_scales;
  float* c;
  int64_t c_stride;
  bool accumulate = false;
};

// Products of integers. Of each block the sum is exact; then c <- fma(sum, scale of b * scale of a, c), block after
// block. An element's bits therefore are the same in all of them, whatever the rows, panels and pieces of the depth.
struct Int8Kernels {
  const char* name;  // for people
  void (*multiply_q8)(const Int8Args&);
  void (*multiply_q4)(const Int8Args&);
};

struct Kernels {
  CpuSet set;
  const Bf16Kernels* bf16x2 = nullptr;  // where the instruction set has them
  const Int8Kernels* int8 = nullptr;    // always there

  // Matrix products, see microkernel.h.
  // to[k * stride + j] <- rows[j][k] for sixteen rows.
  void (*transpose)(const float* const* rows, int64_t depth, float* to, int64_t stride);
  void (*pack_panel)(const float* const* rows, int64_t count, int64_t depth, float* panel);
  void (*multiply)(const GemmArgs<float, float>&);
  // The same with b in bf16, which is exact in f32; and the first eight columns of one panel.
  void (*gemm_bf16)(const GemmArgs<float, uint16_t>&);
  void (*gemm_half_width)(const GemmArgs<float, float>&);
  void (*conv_direct)(const ConvDirectArgs&);
  void (*copy_rows)(int64_t rows, int64_t count, const float* from, int64_t from_stride, float* to, int64_t to_stride);
  // `count` numbers in f32, a multiple of kNR.
  void (*widen_bf16)(int64_t count, const uint16_t* x, float* y);
  void (*widen_f16)(int64_t count, const uint16_t* x, float* y);
  // y [k][16] <- a panel's numbers, each times its block's scale, f16 [k / 32][16]; exact. depth is a multiple of 32.
  void (*widen_q8)(int64_t depth, const uint8_t* x, const uint16_t* scales, float* y);
  void (*widen_q4)(int64_t depth, const uint8_t* x, const uint16_t* scales, float* y);
  // values <- round half to even (x * (127 / the largest size in the block)), for blocks of 32; scale <- largest / 127;
  // start <- -offset times the sum of the values. A block below 2^-100 is zeros; one with a number that is not finite
  // has NaN for its scale, and so has all that comes of it.
  void (*round_int8)(int64_t count, const float* x, int offset, int8_t* values, float* scales, int32_t* starts);
  void (*weighted_sum)(int64_t count, const float* weights, const float* const* rows, int64_t n, float* out);
  void (*epilogue)(const EpilogueArgs&);
  void (*epilogue_gated)(const GatedEpilogueArgs&);

  void (*online_softmax)(const OnlineSoftmaxArgs&);
  void (*divide)(int64_t n, const float* x, float by, float* y);
  // x as pairs (x[j], x[half + j]) turned by the angles whose cos and sin are rope[j] and rope[half + j].
  void (*apply_rope)(int64_t half, const float* x, const float* rope, float* y);

  // Rows, see lane_rows.h.
  void (*add)(int64_t n, const float* a, const float* b, float* y);
  void (*activate)(int64_t n, Activation act, const float* x, float* y);
  void (*layer_norm)(int64_t n, const float* x, const float* w, const float* b, float eps, float* y);
  void (*add_rms_norm)(int64_t n, float* h, const float* r, const float* w, float eps, float* y);  // r may be null
  void (*channel_sums)(const ChannelSumsArgs&);
  void (*scale_channels)(const ScaleChannelsArgs&);

  const char* name() const { return name_of(kCpuSets, set); }
};

// The sets that this machine has, the best first.
const std::vector<const Kernels*>& kernel_sets();

// For kernel_sets() and tests. Only call into one that the machine has.
extern const Kernels kPortableKernels, kAvx2Kernels, kAvx512Kernels;
extern const Bf16Kernels kAvx512Bf16, kAmxBf16;
extern const Int8Kernels kPortableInt8, kAvx2Int8, kAvxVnniInt8, kAvx512VnniInt8;

}  // namespace seedstory::cpu
