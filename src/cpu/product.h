// The product that Linear, GatedLinear and Conv2d share: (rows, depth) times a matrix in panels, cut into tasks.
//
// A task is a block of rows by a block of panels. Its sums stay in the thread's L2 while the depth goes by in pieces
// whose panel fits L1; then the caller takes each row of sums out. Where a row comes from is the caller's: Linear has
// them in memory, Conv2d gathers each piece. A matrix may have two parts, of which a task takes the same columns.
#pragma once

#include <limits>
#include <numeric>

#include "cpu/execute.h"

namespace seedstory::cpu {

// The largest task.
constexpr int64_t kRowBlock = 96;        // a multiple of every tile's rows; 96 x 256 numbers are 96 KiB
constexpr int64_t kPanelBlock = 8;       // 128 columns: the sums of a task are 48 KiB
constexpr int64_t kPairPanelBlock = 32;  // in bf16, where rows are rounded anew for each task; 192 KiB of 2 MiB of L2
constexpr int64_t kDepthBlock = 256;     // a panel of it is 16 KiB, half of L1
constexpr int64_t kRowsToWiden = 12;     // from here on a widened panel is cheaper than a bf16 one
constexpr int64_t kPanelsToWiden = 3;    // at a time: as many as the widest tile takes, 48 KiB
// Of scratch beside the sums: widened panels, or the rows of a piece as one or two numbers in bf16.
constexpr int64_t kRoomFloats = std::max(kPanelsToWiden * kDepthBlock * kPanel, kRowBlock* kDepthBlock);

// Rows of a piece of the depth.
struct RowPiece {
  const float* data;
  int64_t stride;
};

// Of a task: one row of sums for each of its rows, the columns of each part side by side.
struct Sums {
  float* data;
  int64_t stride;
  int64_t part_stride;
};

// Panels [first, first + count) of each part of a matrix whose parts are `step` panels apart.
struct PanelRange {
  int64_t first, count, parts, step;
};

// sums <- or += piece times some panels at depth k, which are in pairs. Where the op does not say that its input may be
// multiplied as bf16, each number of the piece is split into the sum of two, which together have 16 of its 24 bits.
inline void multiply_pairs(const Panels& w, PanelRange range, int64_t k, int64_t depth, RowPiece piece, int64_t rows,
                           DType multiply_as, Sums sums, float* room) {
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
  for (int64_t part = 0; part < range.parts; ++part) {
    const int64_t first = range.first + part * range.step;
    float* to = sums.data + part * sums.part_stride;
    const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, range.count);
    multiply(whole, w.whole, first, to);
    multiply(range.count - whole, w.last, 0, to + whole * kPanel);
  }
}

// The same for panels [first, first + count) that are not in pairs. bf16 ones are widened into `room` where enough rows
// come to pay for it, else as they are read: the same bits.
inline void multiply_panels(const Panels& w, int64_t first, int64_t count, int64_t k, int64_t depth, RowPiece piece,
                            int64_t rows, float* sums, int64_t sums_stride, float* room) {
  const Kernels& run = kernels();
  const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, count), stride = w.depth * kPanel;
  const int64_t at = first * stride + k * kPanel;
  if (w.type == DType::f32) {
    run.multiply(rows, whole, depth, piece.data, piece.stride, static_cast<const float*>(w.whole) + at, stride, sums,
                 sums_stride, k > 0);
  } else if (const auto* b = static_cast<const uint16_t*>(w.whole) + at; rows < kRowsToWiden) {
    run.multiply_bf16(rows, whole, depth, piece.data, piece.stride, b, stride, sums, sums_stride, k > 0);
  } else {
    for (int64_t i = 0; i < whole; i += kPanelsToWiden) {
      const int64_t some = std::min(kPanelsToWiden, whole - i);
      for (int64_t j = 0; j < some; ++j) run.widen(depth * kPanel, b + (i + j) * stride, room + j * depth * kPanel);
      run.multiply(rows, some, depth, piece.data, piece.stride, room, depth * kPanel, sums + i * kPanel, sums_stride,
                   k > 0);
    }
  }
  if (whole == count) return;
  const float* last = static_cast<const float*>(w.last) + k * kPanel;
  float* to = sums + whole * kPanel;
  if (w.last_count <= kPanel / 2)
    run.multiply_half(rows, depth, piece.data, piece.stride, last, to, sums_stride, k > 0);
  else
    run.multiply(rows, 1, depth, piece.data, piece.stride, last, 0, to, sums_stride, k > 0);
}

inline void multiply_panels(const Panels& w, PanelRange range, int64_t k, int64_t depth, RowPiece piece, int64_t rows,
                            DType multiply_as, Sums sums, float* room) {
  if (w.pairs) return multiply_pairs(w, range, k, depth, piece, rows, multiply_as, sums, room);
  for (int64_t part = 0; part < range.parts; ++part)
    multiply_panels(w, range.first + part * range.step, range.count, k, depth, piece, rows,
                    sums.data + part * sums.part_stride, sums.stride, room);
}

// Rows of a task and its panels of each part, the last ones smaller.
struct Cut {
  int64_t rows, panels;
};

// Tasks of whole tiles that all threads finish at the same time, and large ones: a row is gathered, and rounded, for
// each task that it is in, which takes as long as half a panel more; a panel comes from further away at the first rows
// of each task that it is in, which takes as long as eight rows more.
inline Cut cut(int64_t rows, int64_t panels, int64_t parts, bool pairs, int threads) {
  const int64_t most_panels = (pairs ? kPairPanelBlock : kPanelBlock) / parts, tile_rows = pairs ? 32 : 8;
  const int64_t fewest_down = ceil_div(rows, kRowBlock), fewest_across = ceil_div(panels, most_panels);
  Cut best{};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t across = fewest_across; across < fewest_across + threads && across <= panels; ++across) {
    // As few tasks as may be, and as few as are a multiple of the threads.
    const int64_t step = threads / std::gcd(across, int64_t{threads});
    for (const int64_t down : {fewest_down, ceil_div(fewest_down, step) * step}) {
      const Cut to{.rows = std::min(kRowBlock, ceil_div(ceil_div(rows, down), tile_rows) * tile_rows),
                   .panels = ceil_div(panels, across)};
      const int64_t rounds = ceil_div(ceil_div(rows, to.rows) * ceil_div(panels, to.panels), threads);
      const int64_t time = rounds * (to.rows + 8) * (2 * parts * to.panels + 1);
      if (time < least) least = time, best = to;
    }
  }
  return best;
}

// The rows times a matrix of `parts` parts, each of n columns and beginning a panel.
//
// piece(first_row, rows, k, depth, thread) -> RowPiece; take(first_row, rows, first_column, columns, Sums) for a task.
template <class Piece, class Take>
void product(int64_t rows, int64_t n, const Panels& w, int64_t parts, DType multiply_as, Crew& crew, Piece&& piece,
             Take&& take) {
  const int threads = threads_for(double(rows) * double(w.depth) * double(n) * double(parts), crew.pool.threads());
  const int64_t part_panels = ceil_div(n, kPanel);
  const Cut task_size = cut(rows, part_panels, parts, w.pairs, threads);
  const int64_t task_cols = task_size.panels * kPanel, tasks_across = ceil_div(n, task_cols);
  const int64_t tasks = ceil_div(rows, task_size.rows) * tasks_across;
  const int64_t task_floats = kRowBlock * parts * task_cols + kRoomFloats;
  float* scratch = crew.scratch.floats(threads * task_floats);

  crew.pool.run(tasks, threads, [&](int64_t task, int thread) {
    const int64_t first_row = task / tasks_across * task_size.rows;
    const int64_t block_rows = std::min(task_size.rows, rows - first_row);
    const int64_t first_col = task % tasks_across * task_cols, cols = std::min(task_cols, n - first_col);
    const Sums sums{.data = scratch + thread * task_floats, .stride = parts * task_cols, .part_stride = task_cols};
    float* room = sums.data + kRowBlock * sums.stride;
    const PanelRange panels{
        .first = first_col / kPanel, .count = ceil_div(cols, kPanel), .parts = parts, .step = part_panels};
    for (int64_t k = 0; k < w.depth || k == 0; k += kDepthBlock) {
      const int64_t depth = std::min(kDepthBlock, w.depth - k);
      multiply_panels(w, panels, k, depth, piece(first_row, block_rows, k, depth, thread), block_rows, multiply_as,
                      sums, room);
    }
    take(first_row, block_rows, first_col, cols, sums);
  });
}

}  // namespace seedstory::cpu
