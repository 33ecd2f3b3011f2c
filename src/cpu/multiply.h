// c (rows, 16 panels) <- or += a (rows, depth) b (depth, 16 panels), b in panels of sixteen columns.
//
//   b: panel 0: [k = 0: 16 columns][k = 1: 16 columns] ..   panel 1: ..
//
// Every element of c is one chain of fused multiply-adds over k = 0, 1, .. in order, begun at 0 or at what is in c.
// Its bits therefore depend on depth alone: not on the number of rows, the tile it falls into, the way the caller cuts
// the depth, or the instruction set. What hides the latency of the chain are other elements: a tile of R rows by P
// panels fills the registers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/kernels.h"

namespace seedstory::cpu {

// panel[k][j] <- rows[j][k]; columns from `count` on are 0.
template <class Lanes>
void pack_panel(const float* const* rows, int64_t count, int64_t depth, float* panel) {
  const float zeros[1] = {};
  const float* from[kPanel];
  int64_t step[kPanel];
  for (int64_t j = 0; j < kPanel; ++j) {
    from[j] = j < count ? rows[j] : zeros;
    step[j] = j < count ? 1 : 0;
  }
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t j = 0; j < kPanel; ++j) panel[k * kPanel + j] = from[j][k * step[j]];
}

template <class Lanes, int R, int P>
void multiply_tile(int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t panel_stride, float* c,
                   int64_t c_stride, bool accumulate) {
  Lanes acc[R][P];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) acc[r][p] = accumulate ? Lanes::load(c + r * c_stride + p * kPanel) : Lanes::all(0);
  for (int64_t k = 0; k < depth; ++k) {
    Lanes column[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) column[p] = Lanes::load(b + p * panel_stride + k * kPanel);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes x = Lanes::all(a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) acc[r][p] = fma(x, column[p], acc[r][p]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) acc[r][p].store(c + r * c_stride + p * kPanel);
}

// As many panels at a time as the registers hold, then what is left.
template <class Lanes, int R, int P = std::min(4, Lanes::kAccumulators / R)>
void multiply_rows(int64_t panels, int64_t depth, const float* a, int64_t a_stride, const float* b,
                   int64_t panel_stride, float* c, int64_t c_stride, bool accumulate) {
  for (; panels >= P; panels -= P, b += P * panel_stride, c += P * kPanel)
    multiply_tile<Lanes, R, P>(depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
  if constexpr (P > 1)
    if (panels > 0)
      multiply_rows<Lanes, R, P - 1>(panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
}

template <class Lanes, int R = std::min(8, Lanes::kAccumulators)>
void multiply(int64_t rows, int64_t panels, int64_t depth, const float* a, int64_t a_stride, const float* b,
              int64_t panel_stride, float* c, int64_t c_stride, bool accumulate) {
  for (; rows >= R; rows -= R, a += R * a_stride, c += R * c_stride)
    multiply_rows<Lanes, R>(panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
  if constexpr (R > 1)
    if (rows > 0) multiply<Lanes, R - 1>(rows, panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
}

}  // namespace seedstory::cpu
