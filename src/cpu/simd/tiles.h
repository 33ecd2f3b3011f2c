// A product of rows and panels cut into tiles of R rows by P panels, as many as the registers hold; what is left over
// gets smaller ones.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

// Tile::run<R, P>() computes one of them and has the other parameters of gemm_block() but rows and panels;
// Tile::kAccumulators is the most that R times P may be.
template <class Tile, int R, int P = std::min(4, Tile::kAccumulators / R), class A, class B>
void gemm_panels(int64_t panels, int64_t depth, const A* a, int64_t a_stride, const B* b, int64_t panel_stride,
                 float* c, int64_t c_stride, bool accumulate) {
  // Two tiles of two panels are faster than one of three and one that has only one chain of sums a row.
  for (; panels >= P && !(P == 3 && panels == 4); panels -= P, b += P * panel_stride, c += P * kNR)
    Tile::template run<R, P>(depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
  if constexpr (P > 1)
    if (panels > 0) gemm_panels<Tile, R, P - 1>(panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
}

template <class Tile, int R = std::min(8, Tile::kAccumulators), class A, class B>
void gemm_block(int64_t rows, int64_t panels, int64_t depth, const A* a, int64_t a_stride, const B* b,
                int64_t panel_stride, float* c, int64_t c_stride, bool accumulate) {
  for (; rows >= R; rows -= R, a += R * a_stride, c += R * c_stride)
    gemm_panels<Tile, R>(panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
  if constexpr (R > 1)
    if (rows > 0) gemm_block<Tile, R - 1>(rows, panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate);
}

}  // namespace seedstory::cpu
