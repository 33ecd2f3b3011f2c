// c (rows, 16 panels) <- or += a (rows, depth) b (depth, 16 panels), b (f32 or bf16) in panels of sixteen columns.
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
#include <cstring>

#include "cpu/simd/tiles.h"

namespace seedstory::cpu {

template <class Lanes>
void transpose(const float* const* rows, int64_t depth, float* to, int64_t stride) {
  int64_t k = 0;
  for (; k + 8 <= depth; k += 8) Lanes::transpose(rows, k, to + k * stride, stride);
  for (; k < depth; ++k)
    for (int64_t j = 0; j < kNR; ++j) to[k * stride + j] = rows[j][k];
}

// panel[k][j] <- rows[j][k]; columns from `count` on are 0.
template <class Lanes>
void pack_panel(const float* const* rows, int64_t count, int64_t depth, float* panel) {
  if (count == kNR) return transpose<Lanes>(rows, depth, panel, kNR);
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t j = 0; j < kNR; ++j) panel[k * kNR + j] = j < count ? rows[j][k] : 0;
}

template <class Lanes>
struct FmaMicrokernel {
  static constexpr int kAccumulators = Lanes::kAccumulators;
  static constexpr int kAhead = 32;  // weights come from beyond L2 at first, and every few KiB begins another page

  template <int R, int P, class B>
  static void run(const GemmArgs<float, B>& args) {
    const auto [rows, panels, depth, a, a_stride, b, panel_stride, c, c_stride, accumulate] = args;
    Lanes acc[R][P];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) acc[r][p] = accumulate ? Lanes::load(c + r * c_stride + p * kNR) : Lanes::all(0);
    for (int64_t k = 0; k < depth; ++k) {
      Lanes column[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        column[p] = Lanes::load(b + p * panel_stride + k * kNR);
        __builtin_prefetch(b + p * panel_stride + (k + kAhead) * kNR);
      }
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
      for (int p = 0; p < P; ++p) acc[r][p].store(c + r * c_stride + p * kNR);
  }
};

// The first eight columns of one panel.
template <class Lanes, int R = 2 * Lanes::kAccumulators>
void gemm_half_width_rows(GemmArgs<float, float> args) {
  using HalfWidth = typename Lanes::HalfWidth;
  for (; args.rows >= R; args.rows -= R) {
    const float* a = args.a;
    float* c = args.c;
    HalfWidth acc[R];
#pragma GCC unroll 48
    for (int r = 0; r < R; ++r) acc[r] = args.accumulate ? HalfWidth::load(c + r * args.c_stride) : HalfWidth::all(0);
    for (int64_t k = 0; k < args.depth; ++k) {
      const HalfWidth column = HalfWidth::load(args.b + k * kNR);
#pragma GCC unroll 48
      for (int r = 0; r < R; ++r) acc[r] = fma(HalfWidth::all(a[r * args.a_stride + k]), column, acc[r]);
    }
#pragma GCC unroll 48
    for (int r = 0; r < R; ++r) acc[r].store(c + r * args.c_stride);
    args.a += R * args.a_stride, args.c += R * args.c_stride;
  }
  if constexpr (R > 1)
    if (args.rows > 0) gemm_half_width_rows<Lanes, R / 2>(args);
}

template <class Lanes>
void gemm_half_width(const GemmArgs<float, float>& args) {
  gemm_half_width_rows<Lanes>(args);
}

// R columns by V times sixteen places.
template <class Lanes, int R, int V>
void conv_direct_tile(const ConvDirectArgs& args, int64_t c_stride) {
  Lanes acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) acc[r][v] = Lanes::all(0);
  for (int64_t k = 0; k < args.depth; ++k) {
    Lanes places[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) places[v] = Lanes::load(args.x + args.offsets[k] + v * kNR);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Lanes weight = Lanes::all(args.w[k * kNR + r]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = fma(weight, places[v], acc[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) acc[r][v].store(args.c + r * c_stride + v * kNR);
}

// In tiles of about the same number of columns, none larger than the registers.
template <class Lanes, int V, int R = std::min(16, Lanes::kAccumulators / V)>
void conv_direct_block(ConvDirectArgs args, int64_t c_stride) {
  constexpr int kMost = std::min(16, Lanes::kAccumulators / V);
  const int64_t tiles = (args.columns + kMost - 1) / kMost;
  if (tiles > 0 && (args.columns + tiles - 1) / tiles == R) {
    conv_direct_tile<Lanes, R, V>(args, c_stride);
    args.columns -= R, args.w += R, args.c += R * c_stride;
    return conv_direct_block<Lanes, V>(args, c_stride);
  }
  if constexpr (R > 1) conv_direct_block<Lanes, V, R - 1>(args, c_stride);
}

template <class Lanes>
void conv_direct(const ConvDirectArgs& all) {
  ConvDirectArgs args = all;
  const auto next = [&](int64_t places) { args.places -= places, args.x += places, args.c += places; };
  if constexpr (Lanes::kAccumulators >= 16)  // enough for two chains of sums a weight
    for (; args.places >= 2 * kNR; next(2 * kNR)) conv_direct_block<Lanes, 2>(args, all.places);
  for (; args.places > 0; next(kNR)) conv_direct_block<Lanes, 1>(args, all.places);
}

// to [row][count] <- from, row by row.
template <class Lanes>
void copy_rows(int64_t rows, int64_t count, const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int64_t row = 0; row < rows; ++row, from += from_stride, to += to_stride) {
    int64_t i = 0;
    for (; i + kNR <= count; i += kNR) Lanes::load(from + i).store(to + i);
    for (; i + 4 <= count; i += 4) std::memcpy(to + i, from + i, 4 * sizeof(float));
    for (; i < count; ++i) to[i] = from[i];
  }
}

template <class Lanes>
void widen_bf16(int64_t count, const uint16_t* x, float* y) {
  for (int64_t i = 0; i < count; i += kNR) Lanes::load(x + i).store(y + i);
}

template <class Lanes>
void widen_f16(int64_t count, const uint16_t* x, float* y) {
  for (int64_t i = 0; i < count; i += kNR) Lanes::load_f16(x + i).store(y + i);
}

// An integer of 8 bits times 11 bits fits f32's 24.
template <class Lanes>
void widen_q8(int64_t depth, const uint8_t* x, const uint16_t* scales, float* y) {
  const Lanes middle = Lanes::all(kQ8Offset);
  for (int64_t k = 0; k < depth; k += 4, x += 4 * kNR)
    for (int byte = 0; byte < 4; ++byte, y += kNR)
      ((Lanes::load_bits(x, 8 * byte, 255) - middle) * Lanes::load_f16(scales + k / kWeightBlock * kNR)).store(y);
}

template <class Lanes>
void widen_q4(int64_t depth, const uint8_t* x, const uint16_t* scales, float* y) {
  const Lanes middle = Lanes::all(kQ4Offset);
  for (int64_t k = 0; k < depth; k += 8, x += 4 * kNR)
    for (int half = 0; half < 2; ++half)
      for (int byte = 0; byte < 4; ++byte, y += kNR)
        ((Lanes::load_bits(x, 8 * byte + 4 * half, 15) - middle) * Lanes::load_f16(scales + k / kWeightBlock * kNR))
            .store(y);
}

// out[c] <- out[c] + sum over r of weights[r] rows[r][c]: one row of a product with a matrix that is not packed, with
// the bits of multiply().
template <class Lanes, int W, class... Count>
void weighted_sum_columns(int64_t count, const float* weights, const float* const* rows, int64_t c, float* out,
                          Count... columns) {
  Lanes acc[W];
#pragma GCC unroll 4
  for (int i = 0; i < W; ++i) acc[i] = Lanes::load(out + c + i * kNR, columns...);
  for (int64_t r = 0; r < count; ++r) {
    const Lanes x = Lanes::all(weights[r]);
#pragma GCC unroll 4
    for (int i = 0; i < W; ++i) acc[i] = fma(x, Lanes::load(rows[r] + c + i * kNR, columns...), acc[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < W; ++i) acc[i].store(out + c + i * kNR, columns...);
}

template <class Lanes>
void weighted_sum(int64_t count, const float* weights, const float* const* rows, int64_t n, float* out) {
  int64_t c = 0;
  for (; c + 4 * kNR <= n; c += 4 * kNR) weighted_sum_columns<Lanes, 4>(count, weights, rows, c, out);
  for (; c + 2 * kNR <= n; c += 2 * kNR) weighted_sum_columns<Lanes, 2>(count, weights, rows, c, out);
  for (; c + kNR <= n; c += kNR) weighted_sum_columns<Lanes, 1>(count, weights, rows, c, out);
  if (c < n) weighted_sum_columns<Lanes, 1>(count, weights, rows, c, out, n - c);
}

}  // namespace seedstory::cpu
