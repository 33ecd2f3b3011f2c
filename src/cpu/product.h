// The product that Linear and Conv2d share: (rows, depth) times a matrix in panels, cut into tasks.
//
// A task is a block of rows by a block of panels. Its sums stay in the thread's L2 while the depth goes by in pieces
// whose panel fits L1; then the caller takes each row of sums out. Where a row comes from is the caller's: Linear has
// them in memory, Conv2d gathers each piece.
#pragma once

#include "cpu/packed_weights.h"

namespace seedstory::cpu {

constexpr int64_t kRowBlock = 96;        // a multiple of every tile's rows; 96 x 256 numbers are 96 KiB
constexpr int64_t kPanelBlock = 8;       // 128 columns: the sums of a task are 48 KiB
constexpr int64_t kPairPanelBlock = 32;  // at most, in bf16: rows are rounded anew for each; 192 KiB of 2 MiB of L2
constexpr int64_t kDepthBlock = 256;     // a panel of it is 16 KiB, half of L1
constexpr int64_t kRowsToWiden = 12;     // from here on a widened panel is cheaper than a bf16 one
// Of scratch beside the sums: a widened panel, or the rows of a piece as one or two numbers in bf16.
constexpr int64_t kRoomFloats = std::max(kDepthBlock * kPanel, kRowBlock* kDepthBlock);

// Rows of a piece of the depth.
struct RowPiece {
  const float* data;
  int64_t stride;
};

// Of a task, a row a row of its.
struct Sums {
  float* data;
  int64_t stride;
};

// sums <- or += piece times the panels [first, first + count) at depth k, which are in pairs. Where the op does not say
// that its input may be multiplied as bf16, each number of the piece is split into the sum of two, which together have
// 16 of its 24 bits.
inline void multiply_pairs(const Panels& w, int64_t first, int64_t count, int64_t k, int64_t depth, RowPiece piece,
                           int64_t rows, DType multiply_as, Sums sums, float* room) {
  const PairKernels& run = *kernels().pairs;
  auto* terms = reinterpret_cast<uint16_t*>(room);
  uint16_t* low = multiply_as == DType::bf16 ? nullptr : terms + kRowBlock * kDepthBlock;
  for (int64_t row = 0; row < rows; ++row)
    run.split(depth, piece.data + row * piece.stride, terms + row * kDepthBlock,
              low ? low + row * kDepthBlock : nullptr);
  const auto multiply = [&](int64_t panels, const void* data, int64_t panel, float* to) {
    if (panels == 0) return;
    const auto* b = static_cast<const uint16_t*>(data) + (panel * w.depth + k) * kPanel;
    run.multiply(rows, panels, depth, terms, kDepthBlock, b, w.depth * kPanel, to, sums.stride, k > 0);
    if (low) run.multiply(rows, panels, depth, low, kDepthBlock, b, w.depth * kPanel, to, sums.stride, true);
  };
  const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, count);
  multiply(whole, w.whole, first, sums.data);
  multiply(count - whole, w.last, 0, sums.data + whole * kPanel);
}

// The same for panels in any order. bf16 ones are widened into `room` where enough rows come to pay for it, else as
// they are read: the same bits.
inline void multiply_panels(const Panels& w, int64_t first, int64_t count, int64_t k, int64_t depth, RowPiece piece,
                            int64_t rows, DType multiply_as, Sums sums, float* room) {
  if (w.pairs) return multiply_pairs(w, first, count, k, depth, piece, rows, multiply_as, sums, room);
  const Kernels& run = kernels();
  const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, count), stride = w.depth * kPanel;
  const int64_t at = first * stride + k * kPanel;
  if (w.type == DType::f32) {
    run.multiply(rows, whole, depth, piece.data, piece.stride, static_cast<const float*>(w.whole) + at, stride,
                 sums.data, sums.stride, k > 0);
  } else if (const auto* b = static_cast<const uint16_t*>(w.whole) + at; rows < kRowsToWiden) {
    run.multiply_bf16(rows, whole, depth, piece.data, piece.stride, b, stride, sums.data, sums.stride, k > 0);
  } else {
    for (int64_t i = 0; i < whole; ++i) {
      run.widen(depth * kPanel, b + i * stride, room);
      run.multiply(rows, 1, depth, piece.data, piece.stride, room, 0, sums.data + i * kPanel, sums.stride, k > 0);
    }
  }
  if (whole == count) return;
  const float* last = static_cast<const float*>(w.last) + k * kPanel;
  float* to = sums.data + whole * kPanel;
  if (w.last_count <= kPanel / 2)
    run.multiply_half(rows, depth, piece.data, piece.stride, last, to, sums.stride, k > 0);
  else
    run.multiply(rows, 1, depth, piece.data, piece.stride, last, 0, to, sums.stride, k > 0);
}

// Panels of a task: in bf16 more of them, while every thread still gets two tasks.
inline int64_t panel_block(const Panels& w, int64_t row_blocks, int64_t panels, int threads) {
  int64_t block = kPanelBlock;
  if (w.pairs)
    while (block < kPairPanelBlock && row_blocks * ceil_div(panels, 2 * block) >= 2 * threads) block *= 2;
  return block;
}

// piece(first_row, rows, k, depth, thread) -> RowPiece; take(first_row, rows, first_column, columns, Sums) for a task.
template <class Piece, class Take>
void product(int64_t rows, int64_t n, const Panels& w, DType multiply_as, Crew& crew, Piece&& piece, Take&& take) {
  const int threads = threads_for(double(rows) * double(w.depth) * double(n), crew.threads);
  const int64_t row_blocks = ceil_div(rows, kRowBlock);
  const int64_t block_cols = panel_block(w, row_blocks, ceil_div(n, kPanel), threads) * kPanel;
  const int64_t col_blocks = ceil_div(n, block_cols), task_floats = kRowBlock * block_cols + kRoomFloats;
  float* scratch = crew.scratch.floats(threads * task_floats);

  parallel_tasks(threads, row_blocks * col_blocks, [&](int64_t task, int thread) {
    const int64_t first_row = task / col_blocks * kRowBlock, block_rows = std::min(kRowBlock, rows - first_row);
    const int64_t first_col = task % col_blocks * block_cols, cols = std::min(block_cols, n - first_col);
    const Sums sums{.data = scratch + thread * task_floats, .stride = block_cols};
    float* room = sums.data + kRowBlock * block_cols;
    for (int64_t k = 0; k < w.depth || k == 0; k += kDepthBlock) {
      const int64_t depth = std::min(kDepthBlock, w.depth - k);
      multiply_panels(w, first_col / kPanel, ceil_div(cols, kPanel), k, depth,
                      piece(first_row, block_rows, k, depth, thread), block_rows, multiply_as, sums, room);
    }
    take(first_row, block_rows, first_col, cols, sums);
  });
}

}  // namespace seedstory::cpu
