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

// sums <- or += piece times panels of every part at depth k, which are in pairs. Where the op does not say that its
// input may be multiplied as bf16, each number of the piece is split into the sum of two, which together have 16 of its
// 24 bits.
inline void gemm_panels_bf16x2(const Panels& w, PanelRange range, int64_t k, int64_t depth, TileA a, int64_t rows,
                               DType compute_type, TileC sums, float* buffer) {
  const Bf16Kernels& run = *kernels().bf16x2;
  auto* terms = reinterpret_cast<uint16_t*>(buffer);
  uint16_t* low = compute_type == DType::bf16 ? nullptr : terms + kMC * kKC;
  for (int64_t row = 0; row < rows; ++row)
    run.split(depth, a.data + row * a.stride, terms + row * kKC, low ? low + row * kKC : nullptr);
  for (int64_t part = 0; part < range.parts; ++part) {
    const int64_t first = range.first + part * range.step;
    const auto* b = static_cast<const uint16_t*>(w.values) + (first * w.depth + k) * kNR;
    float* to = sums.data + part * sums.part_stride;
    run.multiply(rows, range.count, depth, terms, kKC, b, w.depth * kNR, to, sums.stride, k > 0);
    if (low) run.multiply(rows, range.count, depth, low, kKC, b, w.depth * kNR, to, sums.stride, true);
  }
}

// The same for panels [first, first + count) that are not in pairs. What is not f32 is widened into `buffer`, a few
// panels at a time; bf16 only where enough rows come to pay for it, else as it is read: the same bits.
inline void gemm_whole_panels(const Panels& w, int64_t first, int64_t count, int64_t k, int64_t depth, TileA a,
                              int64_t rows, float* sums, int64_t sums_stride, float* buffer) {
  const Kernels& run = kernels();
  const int64_t stride = w.depth * kNR, at = first * stride + k * kNR;
  if (w.format == WeightFormat::f32)
    return run.multiply(rows, count, depth, a.data, a.stride, static_cast<const float*>(w.values) + at, stride, sums,
                        sums_stride, k > 0);
  if (w.format == WeightFormat::bf16 && rows < kRowsToWiden)
    return run.gemm_bf16(rows, count, depth, a.data, a.stride, static_cast<const uint16_t*>(w.values) + at, stride,
                         sums, sums_stride, k > 0);
  for (int64_t i = 0; i < count; i += kPanelsToWiden) {
    const int64_t some = std::min(kPanelsToWiden, count - i);
    for (int64_t j = 0; j < some; ++j) w.in_f32(first + i + j, k, depth, buffer + j * depth * kNR);
    run.multiply(rows, some, depth, a.data, a.stride, buffer, depth * kNR, sums + i * kNR, sums_stride, k > 0);
  }
}

inline void gemm_panels(const Panels& w, PanelRange range, int64_t k, int64_t depth, TileA a, int64_t rows,
                        DType compute_type, TileC sums, float* buffer) {
  if (w.bf16x2) return gemm_panels_bf16x2(w, range, k, depth, a, rows, compute_type, sums, buffer);
  // A last panel that is half empty takes half the time.
  const int64_t last_rows = w.rows % kNR;
  const bool ends_in_half = last_rows > 0 && last_rows <= kNR / 2 && range.first + range.count == range.step;
  for (int64_t part = 0; part < range.parts; ++part) {
    const int64_t first = range.first + part * range.step, whole = range.count - ends_in_half;
    float* to = sums.data + part * sums.part_stride;
    gemm_whole_panels(w, first, whole, k, depth, a, rows, to, sums.stride, buffer);
    if (ends_in_half)
      kernels().gemm_half_width(rows, depth, a.data, a.stride, w.in_f32(first + whole, k, depth, buffer),
                                to + whole * kNR, sums.stride, k > 0);
  }
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

// The tasks of a product, and the scratch of each thread: sums, a buffer, and the rows of a piece where they are
// gathered.
struct GemmTasks {
  TileSizes size;
  int threads;
  int64_t sums_floats, task_floats;

  GemmTasks(int64_t rows, const Panels& w, bool gathers, int most_threads)
      : threads(threads_for(double(rows) * double(w.depth) * double(w.rows) * double(w.parts), most_threads)) {
    size = choose_tiles(rows, w.part_panels(), w.parts, w.bf16x2, threads);
    sums_floats = kMC * w.parts * size.panels * kNR;
    task_floats = sums_floats + kBufferFloats + (gathers ? kMC * kKC : 0);
  }
  int64_t scratch_floats() const { return threads * task_floats; }
};

// The rows times a matrix.
//
// load_a(first_row, rows, k, depth, room) -> TileA, in `room` where it gathers, else null; epilogue(first_row, rows,
// first_column, columns, TileC) for a task.
template <class LoadA, class Epilogue>
void gemm(int64_t rows, const Panels& w, DType compute_type, bool gathers, ExecContext& context, LoadA&& load_a,
          Epilogue&& epilogue) {
  const GemmTasks tasks(rows, w, gathers, context.pool.threads());
  const int64_t task_cols = tasks.size.panels * kNR, tasks_across = ceil_div(w.rows, task_cols);
  float* scratch = context.scratch.floats(tasks.scratch_floats());

  context.pool.run(ceil_div(rows, tasks.size.rows) * tasks_across, tasks.threads, [&](int64_t task, int thread) {
    const int64_t first_row = task / tasks_across * tasks.size.rows;
    const int64_t block_rows = std::min(tasks.size.rows, rows - first_row);
    const int64_t first_col = task % tasks_across * task_cols, cols = std::min(task_cols, w.rows - first_col);
    const TileC sums{
        .data = scratch + thread * tasks.task_floats, .stride = w.parts * task_cols, .part_stride = task_cols};
    float* buffer = sums.data + tasks.sums_floats;
    float* room = gathers ? buffer + kBufferFloats : nullptr;
    const PanelRange panels{
        .first = first_col / kNR, .count = ceil_div(cols, kNR), .parts = w.parts, .step = w.part_panels()};
    for (int64_t k = 0; k < w.depth || k == 0; k += kKC) {
      const int64_t depth = std::min(kKC, w.depth - k);
      gemm_panels(w, panels, k, depth, load_a(first_row, block_rows, k, depth, room), block_rows, compute_type, sums,
                  buffer);
    }
    epilogue(first_row, block_rows, first_col, cols, sums);
  });
}

}  // namespace seedstory::cpu
