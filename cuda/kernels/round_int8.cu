// Rows rounded to int8 in blocks of 32, as the CPU rounds them (src/cpu/simd/kernels.h):
//
//   scale = largest size / 127,   value = x * (127 / largest size), to the nearest integer, half to even
//
// A block below 2^-100 is zeros, scale 0. One with a number that is not finite has the scale NaN, and so has all that
// comes of its row.
//
// Work    Four lanes a block, 16 bytes of x each; the eight blocks of a warp are those of eight rows at one place, so
//         that their scales, too, are a whole sector. Memory is the limit: 3.1 bytes for each number.
// Limits  2^31 blocks in all. Rows that do not start at multiples of 16 bytes are loaded element by element.
// Error   None: values and scales have the bits of the CPU's.
#include "../choose.h"
#include "../device/int8.cuh"
#include "../device/vec.cuh"
#include "round_int8.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;
constexpr int kSize = 8, kLanes = kWeightBlock / kSize, kRows = kWarp / kLanes;  // numbers of a lane; of a warp
constexpr uint32_t kNan = 0x7fffffff, kInfinity = 0x7f800000;

template <class T>
struct Args {
  const T* x;
  int64_t x_stride;
  Int8Rows to;
  int64_t rows;
  uint32_t blocks;  // of a row
};

template <class T, bool kAligned>
__global__ void __launch_bounds__(kThreads) round_rows(const __grid_constant__ Args<T> a) {
  const int lane = int(threadIdx.x) % kWarp;
  const uint32_t warp = (blockIdx.x * kThreads + threadIdx.x) / kWarp, block = warp % a.blocks;
  const int64_t row = int64_t(warp / a.blocks) * kRows + lane / kLanes;
  const int64_t at = int64_t(block) * kWeightBlock + lane % kLanes * kSize;
  const bool exists = row < a.rows;
  Vec<T, kSize> x = {};
  if (exists) {
    const T* const from = a.x + row * a.x_stride + at;
    if constexpr (kAligned)
      x = load_vec<Vec<T, kSize>>(from);
    else
      for (int i = 0; i < kSize; ++i) x.v[i] = from[i];
  }

  // As integers, sizes have the order of the numbers, and what is not finite is above them.
  uint32_t most = 0;
  for (int i = 0; i < kSize; ++i) most = max(most, bits_of(to_float(x.v[i])) & kNan);
  for (int lanes = 1; lanes < kLanes; lanes *= 2) most = max(most, __shfl_xor_sync(kFullWarp, most, lanes));
  const float largest = float_of(most);
  const bool counts = most < kInfinity && largest >= 0x1p-100f;
  const float to_integers = counts ? 127 / largest : 0;
  Vec<int8_t, kSize> values;
  for (int i = 0; i < kSize; ++i)
    values.v[i] = counts ? int8_t(bits_of(fmaf(to_float(x.v[i]), to_integers, kShift))) : int8_t(0);
  if (!exists) return;
  store_vec(a.to.values + row * a.blocks * kWeightBlock + at, values);
  if (lane % kLanes == 0)
    a.to.scales[block * a.to.stride + row] = counts ? largest / 127 : most < kInfinity ? 0 : float_of(kNan);
}

}  // namespace

void round_int8(const Tensor& x, const Int8Rows& to, const Queue& queue) {
  const int64_t rows = x.rows(), blocks = x.cols() / kWeightBlock, warps = ceil_div(rows, kRows) * blocks;
  if (warps == 0) return;
  if (warps * kRows >= int64_t(1) << 31) fail("round_int8: x is " + x.str() + ", larger than the CUDA kernels count");
  with_float_type(x.dtype, "round_int8", [&]<class T>() {
    if constexpr (sizeof(T) == 4) {
      fail("round_int8: x is " + x.str() + ", expected f16 or bf16");
    } else {
      const Args<T> args{static_cast<const T*>(x.data), x.row_stride(), to, rows, uint32_t(blocks)};
      const dim3 grid(unsigned(ceil_div(warps * kWarp, kThreads)));
      if (has_16_byte_rows(x))
        launch<NoShared, round_rows<T, true>>(grid, kThreads, queue, args);
      else
        launch<NoShared, round_rows<T, false>>(grid, kThreads, queue, args);
    }
  });
}

}  // namespace seedstory
