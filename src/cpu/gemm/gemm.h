// The product that Linear, GatedLinear and Conv2d share: (rows, depth) times a matrix in panels, cut into tasks.
//
// A task is a block of rows by a block of panels. Its sums stay in the thread's L2 while the depth goes by in pieces
// whose panel fits L1; then the caller takes each row of sums out. Where a row comes from is the caller's: Linear has
// them in memory, Conv2d gathers each piece. A matrix may have two parts, of which a task takes the same columns.
#pragma once

#include <limits>
#include <numeric>

#include "cpu/gemm/packed_weights.h"

namespace seedstory::cpu {

// The largest task.
constexpr int64_t kMC = 96;            // a multiple of every tile's rows; 96 x 256 numbers are 96 KiB
constexpr int64_t kNC = 8;             // 128 columns: the sums of a task are 48 KiB
constexpr int64_t kBf16NC = 32;        // in bf16, where rows are rounded anew for each task; 192 KiB of 2 MiB of L2
constexpr int64_t kKC = 256;           // a panel of it is 16 KiB, half of L1
constexpr int64_t kRowsToWiden = 12;   // from here on a widened panel is cheaper than a bf16 one
constexpr int64_t kPanelsToWiden = 3;  // at a time: as many as the widest tile takes, 48 KiB
// Of scratch beside the sums: widened panels, or the rows of a piece as one or two numbers in bf16.
constexpr int64_t kBufferFloats = std::max(kPanelsToWiden * kKC * kNR, kMC* kKC);

// Rows of a piece of the depth.
struct TileA {
  const float* data;
  int64_t stride;
};

// Of a task: one row of sums for each of its rows, the columns of each part side by side.
struct TileC {
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
inline void gemm_panels_bf16x2(const Panels& w, PanelRange range, int64_t k, int64_t depth, TileA a, int64_t rows,
                               DType compute_type, TileC sums, float* buffer) {
  const Bf16Kernels& run = *kernels().bf16x2;
  auto* terms = reinterpret_cast<uint16_t*>(buffer);
  uint16_t* low = compute_type == DType::bf16 ? nullptr : terms + kMC * kKC;
  for (int64_t row = 0; row < rows; ++row)
    run.split(depth, a.data + row * a.stride, terms + row * kKC, low ? low + row * kKC : nullptr);
  const auto multiply = [&](int64_t panels, const void* data, int64_t panel, float* to) {
    if (panels == 0) return;
    const auto* b = static_cast<const uint16_t*>(data) + (panel * w.depth + k) * kNR;
    run.multiply(rows, panels, depth, terms, kKC, b, w.depth * kNR, to, sums.stride, k > 0);
    if (low) run.multiply(rows, panels, depth, low, kKC, b, w.depth * kNR, to, sums.stride, true);
  };
  for (int64_t part = 0; part < range.parts; ++part) {
    const int64_t first = range.first + part * range.step;
    float* to = sums.data + part * sums.part_stride;
    const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, range.count);
    multiply(whole, w.whole, first, to);
    multiply(range.count - whole, w.last, 0, to + whole * kNR);
  }
}

// The same for panels [first, first + count) that are not in pairs. bf16 ones are widened into `buffer` where enough
// rows come to pay for it, else as they are read: the same bits.
inline void gemm_panels(const Panels& w, int64_t first, int64_t count, int64_t k, int64_t depth, TileA a, int64_t rows,
                        float* sums, int64_t sums_stride, float* buffer) {
  const Kernels& run = kernels();
  const int64_t whole = std::clamp<int64_t>(w.whole_count - first, 0, count), stride = w.depth * kNR;
  const int64_t at = first * stride + k * kNR;
  if (w.type == DType::f32) {
    run.multiply(rows, whole, depth, a.data, a.stride, static_cast<const float*>(w.whole) + at, stride, sums,
                 sums_stride, k > 0);
  } else if (const auto* b = static_cast<const uint16_t*>(w.whole) + at; rows < kRowsToWiden) {
    run.gemm_bf16(rows, whole, depth, a.data, a.stride, b, stride, sums, sums_stride, k > 0);
  } else {
    for (int64_t i = 0; i < whole; i += kPanelsToWiden) {
      const int64_t some = std::min(kPanelsToWiden, whole - i);
      for (int64_t j = 0; j < some; ++j) run.widen_bf16(depth * kNR, b + (i + j) * stride, buffer + j * depth * kNR);
      run.multiply(rows, some, depth, a.data, a.stride, buffer, depth * kNR, sums + i * kNR, sums_stride, k > 0);
    }
  }
  if (whole == count) return;
  const float* last = static_cast<const float*>(w.last) + k * kNR;
  float* to = sums + whole * kNR;
  if (w.last_count <= kNR / 2)
    run.gemm_half_width(rows, depth, a.data, a.stride, last, to, sums_stride, k > 0);
  else
    run.multiply(rows, 1, depth, a.data, a.stride, last, 0, to, sums_stride, k > 0);
}

inline void gemm_panels(const Panels& w, PanelRange range, int64_t k, int64_t depth, TileA a, int64_t rows,
                        DType compute_type, TileC sums, float* buffer) {
  if (w.bf16x2) return gemm_panels_bf16x2(w, range, k, depth, a, rows, compute_type, sums, buffer);
  for (int64_t part = 0; part < range.parts; ++part)
    gemm_panels(w, range.first + part * range.step, range.count, k, depth, a, rows, sums.data + part * sums.part_stride,
                sums.stride, buffer);
}

// Rows of a task and its panels of each part, the last ones smaller.
struct TileSizes {
  int64_t rows, panels;
};

// Tasks of whole tiles that all threads finish at the same time, and large ones: a row is gathered, and rounded, for
// each task that it is in, which takes as long as half a panel more; a panel comes from further away at the first rows
// of each task that it is in, which takes as long as eight rows more.
inline TileSizes choose_tiles(int64_t rows, int64_t panels, int64_t parts, bool bf16x2, int threads) {
  const int64_t most_panels = (bf16x2 ? kBf16NC : kNC) / parts, tile_rows = bf16x2 ? 32 : 8;
  const int64_t fewest_down = ceil_div(rows, kMC), fewest_across = ceil_div(panels, most_panels);
  TileSizes best{};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t across = fewest_across; across < fewest_across + threads && across <= panels; ++across) {
    // As few tasks as may be, and as few as are a multiple of the threads.
    const int64_t step = threads / std::gcd(across, int64_t{threads});
    for (const int64_t down : {fewest_down, ceil_div(fewest_down, step) * step}) {
      const TileSizes to{.rows = std::min(kMC, ceil_div(ceil_div(rows, down), tile_rows) * tile_rows),
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
// load_a(first_row, rows, k, depth, thread) -> TileA; epilogue(first_row, rows, first_column, columns, TileC) for a
// task.
template <class LoadA, class Epilogue>
void gemm(int64_t rows, int64_t n, const Panels& w, int64_t parts, DType compute_type, ExecContext& context,
          LoadA&& load_a, Epilogue&& epilogue) {
  const int threads = threads_for(double(rows) * double(w.depth) * double(n) * double(parts), context.pool.threads());
  const int64_t part_panels = ceil_div(n, kNR);
  const TileSizes task_size = choose_tiles(rows, part_panels, parts, w.bf16x2, threads);
  const int64_t task_cols = task_size.panels * kNR, tasks_across = ceil_div(n, task_cols);
  const int64_t tasks = ceil_div(rows, task_size.rows) * tasks_across;
  const int64_t task_floats = kMC * parts * task_cols + kBufferFloats;
  float* scratch = context.scratch.floats(threads * task_floats);

  context.pool.run(tasks, threads, [&](int64_t task, int thread) {
    const int64_t first_row = task / tasks_across * task_size.rows;
    const int64_t block_rows = std::min(task_size.rows, rows - first_row);
    const int64_t first_col = task % tasks_across * task_cols, cols = std::min(task_cols, n - first_col);
    const TileC sums{.data = scratch + thread * task_floats, .stride = parts * task_cols, .part_stride = task_cols};
    float* buffer = sums.data + kMC * sums.stride;
    const PanelRange panels{
        .first = first_col / kNR, .count = ceil_div(cols, kNR), .parts = parts, .step = part_panels};
    for (int64_t k = 0; k < w.depth || k == 0; k += kKC) {
      const int64_t depth = std::min(kKC, w.depth - k);
      gemm_panels(w, panels, k, depth, load_a(first_row, block_rows, k, depth, thread), block_rows, compute_type, sums,
                  buffer);
    }
    epilogue(first_row, block_rows, first_col, cols, sums);
  });
}

}  // namespace seedstory::cpu
