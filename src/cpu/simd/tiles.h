// A product of rows and panels cut into tiles of R rows by P panels, as many as the registers hold; what is left over
// gets smaller ones.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

// Tile::run<R, P>(args) computes one of them, whatever args' rows and panels; Tile::kAccumulators is the most that R
// times P may be.
template <class Tile, int R, int P = std::min(4, Tile::kAccumulators / R), class A, class B>
void gemm_panels(GemmArgs<A, B> args) {
  // Two tiles of two panels are faster than one of three and one that has only one chain of sums a row.
  for (; args.panels >= P && !(P == 3 && args.panels == 4); args.panels -= P) {
    Tile::template run<R, P>(args);
    args.b += P * args.panel_stride, args.c += P * kNR;
  }
  if constexpr (P > 1)
    if (args.panels > 0) gemm_panels<Tile, R, P - 1>(args);
}

template <class Tile, int R = std::min(8, Tile::kAccumulators), class A, class B>
void gemm_rows(GemmArgs<A, B> args) {
  for (; args.rows >= R; args.rows -= R) {
    gemm_panels<Tile, R>(args);
    args.a += R * args.a_stride, args.c += R * args.c_stride;
  }
  if constexpr (R > 1)
    if (args.rows > 0) gemm_rows<Tile, R - 1>(args);
}

template <class Tile, class A, class B>
void gemm_block(const GemmArgs<A, B>& args) {
  gemm_rows<Tile>(args);
}

}  // namespace seedstory::cpu
