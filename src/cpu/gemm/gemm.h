// The product that Linear, GatedLinear and Conv2d share: (rows, depth) times a matrix in panels, cut into tasks.
//
// A task is a block of rows by a block of panels. Its sums stay in the thread's L2 while the depth goes by in pieces
// whose panel fits L1; then the caller takes each row of sums out. Where a row comes from is the caller's: Linear has
// them in memory, Conv2d gathers each piece. A matrix may have two parts, of which a task takes the same columns.
#pragma once

#include <limits>
#include <numeric>

#include "cpu/gemm/packed_weights.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

// The largest task.
constexpr int64_t kMC = 96;            // a multiple of every tile's rows; 96 x 256 numbers are 96 KiB
constexpr int64_t kNC = 8;             // 128 columns: the sums of a task are 48 KiB
constexpr int64_t kBf16NC = 32;        // in bf16, where rows are rounded anew for each task; 192 KiB of 2 MiB of L2
constexpr int64_t kInt8NC = 16;        // of integers: rows take a quarter of the room, and their sums 96 KiB
constexpr int64_t kKC = 256;           // a panel of it is 16 KiB, half of L1
constexpr int64_t kInt8KC = 512;       // of two panels of q8 16 KiB
constexpr int64_t kInt8FewRows = 8;    // up to here a panel is read from end to end, for all rows at once
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

// sums <- or += rows times panels of every part of w, at depths [k, k + depth).
struct PieceArgs {
  const Panels& w;
  PanelRange range;
  int64_t k, depth;
  int64_t rows;
  DType compute_type;
  TileC sums;
  float* buffer;
};

// The panels of w are in pairs. Where the op does not say that its input may be multiplied as bf16, each number of the
// piece is split into the sum of two, which together have 16 of its 24 bits.
inline void gemm_panels_bf16x2(const PieceArgs& args, TileA a) {
  const Bf16Kernels& run = *args.w.kernels->bf16x2;
  const Panels& w = args.w;
  auto* high = reinterpret_cast<uint16_t*>(args.buffer);
  uint16_t* low = args.compute_type == DType::bf16 ? nullptr : high + kMC * kKC;
  for (int64_t row = 0; row < args.rows; ++row)
    run.split(args.depth, a.data + row * a.stride, high + row * kKC, low ? low + row * kKC : nullptr);
  for (int64_t part = 0; part < args.range.parts; ++part) {
    const int64_t first = args.range.first + part * args.range.step;
    GemmArgs<uint16_t, uint16_t> product{.rows = args.rows,
                                         .panels = args.range.count,
                                         .depth = args.depth,
                                         .a = high,
                                         .a_stride = kKC,
                                         .b = static_cast<const uint16_t*>(w.values) + (first * w.depth + args.k) * kNR,
                                         .panel_stride = w.depth * kNR,
                                         .c = args.sums.data + part * args.sums.part_stride,
                                         .c_stride = args.sums.stride,
                                         .accumulate = args.k > 0};
    run.multiply(product);
    if (!low) continue;
    product.a = low, product.accumulate = true;
    run.multiply(product);
  }
}

// `count` panels of w from `first` on, which are not in pairs, to `sums`. What is not f32 is widened into the buffer, a
// few panels at a time; bf16 only where enough rows come to pay for it, else as it is read: the same bits.
inline void gemm_whole_panels(const PieceArgs& args, TileA a, int64_t first, int64_t count, float* sums) {
  const Kernels& run = *args.w.kernels;
  const Panels& w = args.w;
  const int64_t stride = w.depth * kNR, at = first * stride + args.k * kNR;
  const auto product = [&]<class B>(const B* b, int64_t panel_stride) {
    return GemmArgs<float, B>{.rows = args.rows,
                              .panels = count,
                              .depth = args.depth,
                              .a = a.data,
                              .a_stride = a.stride,
                              .b = b,
                              .panel_stride = panel_stride,
                              .c = sums,
                              .c_stride = args.sums.stride,
                              .accumulate = args.k > 0};
  };
  if (w.format == WeightFormat::f32) return run.multiply(product(static_cast<const float*>(w.values) + at, stride));
  if (w.format == WeightFormat::bf16 && args.rows < kRowsToWiden)
    return run.gemm_bf16(product(static_cast<const uint16_t*>(w.values) + at, stride));
  GemmArgs some = product(args.buffer, args.depth * kNR);
  for (int64_t i = 0; i < count; i += kPanelsToWiden, some.c += kPanelsToWiden * kNR) {
    some.panels = std::min(kPanelsToWiden, count - i);
    for (int64_t j = 0; j < some.panels; ++j)
      w.in_f32(first + i + j, args.k, args.depth, args.buffer + j * args.depth * kNR);
    run.multiply(some);
  }
}

inline void gemm_panels(const PieceArgs& args, TileA a) {
  const Panels& w = args.w;
  if (w.bf16x2) return gemm_panels_bf16x2(args, a);
  // A last panel that is half empty takes half the time.
  const int64_t last_rows = w.rows % kNR;
  const bool ends_in_half =
      last_rows > 0 && last_rows <= kNR / 2 && args.range.first + args.range.count == args.range.step;
  for (int64_t part = 0; part < args.range.parts; ++part) {
    const int64_t first = args.range.first + part * args.range.step, whole = args.range.count - ends_in_half;
    float* sums = args.sums.data + part * args.sums.part_stride;
    gemm_whole_panels(args, a, first, whole, sums);
    if (ends_in_half)
      w.kernels->gemm_half_width({.rows = args.rows,
                                  .panels = 1,
                                  .depth = args.depth,
                                  .a = a.data,
                                  .a_stride = a.stride,
                                  .b = w.in_f32(first + whole, args.k, args.depth, args.buffer),
                                  .panel_stride = 0,
                                  .c = sums + whole * kNR,
                                  .c_stride = args.sums.stride,
                                  .accumulate = args.k > 0});
  }
}

// Of integers, for rows that are rounded.
inline void gemm_panels(const PieceArgs& args, const Int8Rows& a) {
  const Panels& w = args.w;
  const bool q8 = w.format == WeightFormat::q8;
  const auto multiply = q8 ? w.kernels->int8->multiply_q8 : w.kernels->int8->multiply_q4;
  for (int64_t part = 0; part < args.range.parts; ++part) {
    const int64_t at = ((args.range.first + part * args.range.step) * w.depth + args.k) * kNR;
    multiply({.rows = args.rows,
              .panels = args.range.count,
              .depth = args.depth,
              .a = a,
              .b = static_cast<const uint8_t*>(w.values) + (q8 ? at : at / 2),
              .panel_bytes = w.depth * kNR / (q8 ? 1 : 2),
              .b_scales = w.scales + at / kWeightBlock,
              .panel_scales = w.depth / kWeightBlock * kNR,
              .c = args.sums.data + part * args.sums.part_stride,
              .c_stride = args.sums.stride,
              .accumulate = args.k > 0});
  }
}

// Rows of a task and its panels of each part, the last ones smaller.
struct TileSizes {
  int64_t rows, panels;
};

// The rows of a tile, and the most panels of a task.
inline TileSizes tile_step(const Panels& w) {
  if (w.int8) return {.rows = 12, .panels = kInt8NC};
  return w.bf16x2 ? TileSizes{.rows = 32, .panels = kBf16NC} : TileSizes{.rows = 8, .panels = kNC};
}

// Tasks of whole tiles that all threads finish at the same time, and large ones: a row is gathered, and rounded, for
// each task that it is in, which takes as long as half a panel more; a panel comes from further away at the first rows
// of each task that it is in, which takes as long as eight rows more.
inline TileSizes choose_tiles(int64_t rows, int64_t panels, int64_t parts, TileSizes step, int threads) {
  const int64_t most_panels = step.panels / parts, tile_rows = step.rows;
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

// What is multiplied: so many rows by a matrix.
struct GemmProblem {
  int64_t rows;
  Panels w;
  DType compute_type;
  bool gathers;  // rows are written to scratch, piece by piece
  Tensor x;      // in integers: what is rounded, row by row
};

// Rounded rows in scratch: the integers, the scales, the starts. In numbers of 32 bits, as rows of a picture are
// gathered.
struct Int8Layout {
  int64_t rows, values, blocks;

  explicit Int8Layout(const Tensor& x) : Int8Layout(x.rows(), x.dim[x.rank - 1]) {}
  Int8Layout(int64_t rows, int64_t depth) : rows(rows), values(depth / 4), blocks(depth / kWeightBlock) {}

  int64_t floats() const { return rows * (values + 2 * blocks); }
  Int8Rows in(float* room) const {
    float* scales = room + rows * values;
    return {.values = reinterpret_cast<int8_t*>(room),
            .stride = 4 * values,
            .scales = scales,
            .starts = reinterpret_cast<int32_t*>(scales + rows * blocks),
            .blocks = blocks};
  }
};

// The tasks of a product, and the scratch of each thread: sums, a buffer, and the rows of a piece where they are
// gathered.
struct GemmTasks {
  TileSizes size;
  int threads;
  int64_t piece;  // of the depth
  int64_t sums_floats, task_floats, rounded_floats;

  GemmTasks(const GemmProblem& problem, int most_threads) {
    const Panels& w = problem.w;
    threads = threads_for(double(problem.rows) * double(w.depth) * double(w.rows) * double(w.parts), most_threads);
    size = choose_tiles(problem.rows, w.part_panels(), w.parts, tile_step(w), threads);
    sums_floats = kMC * w.parts * size.panels * kNR;
    task_floats = sums_floats + kBufferFloats + (problem.gathers ? kMC * kKC : 0);
    piece = !w.int8 ? kKC : problem.rows <= kInt8FewRows && !problem.gathers ? w.depth : kInt8KC;
    rounded_floats = w.int8 ? Int8Layout(problem.x).floats() : 0;
  }
  int64_t scratch_floats() const { return threads * task_floats + rounded_floats; }
};

// problem.x rounded, once for all tasks, where gemm() leaves it.
inline Int8Rows round_rows(const GemmProblem& problem, ExecContext& context) {
  const GemmTasks tasks(problem, context.pool.threads());
  const Tensor& x = problem.x;
  const Int8Rows to =
      Int8Layout(x).in(context.scratch.floats(tasks.scratch_floats()) + tasks.threads * tasks.task_floats);
  const int64_t count = x.dim[x.rank - 1];
  parallel_rows(context.pool, x.rows(), count, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Int8Rows at = to.from(row, 0);
      context.kernels.round_int8(count, row_of(x, row), problem.w.format == WeightFormat::q8 ? kQ8Offset : kQ4Offset,
                                 at.values, at.scales, at.starts);
    }
  });
  return to;
}

// load_a(first_row, rows, k, depth, room) -> TileA, or Int8Rows for panels of integers, in `room` where it gathers,
// else null; epilogue(Block, TileC) for a task.
template <class LoadA, class Epilogue>
void gemm(const GemmProblem& problem, ExecContext& context, LoadA&& load_a, Epilogue&& epilogue) {
  const Panels& w = problem.w;
  const GemmTasks tasks(problem, context.pool.threads());
  const int64_t task_cols = tasks.size.panels * kNR, tasks_across = ceil_div(w.rows, task_cols);
  float* scratch = context.scratch.floats(tasks.scratch_floats());

  context.pool.run(
      ceil_div(problem.rows, tasks.size.rows) * tasks_across, tasks.threads, [&](int64_t task, int thread) {
        const int64_t first_row = task / tasks_across * tasks.size.rows;
        const int64_t rows = std::min(tasks.size.rows, problem.rows - first_row);
        const int64_t first_col = task % tasks_across * task_cols, cols = std::min(task_cols, w.rows - first_col);
        const TileC sums{
            .data = scratch + thread * tasks.task_floats, .stride = w.parts * task_cols, .part_stride = task_cols};
        float* buffer = sums.data + tasks.sums_floats;
        float* room = problem.gathers ? buffer + kBufferFloats : nullptr;
        const PanelRange panels{
            .first = first_col / kNR, .count = ceil_div(cols, kNR), .parts = w.parts, .step = w.part_panels()};
        for (int64_t k = 0; k < w.depth || k == 0; k += tasks.piece) {
          const int64_t depth = std::min(tasks.piece, w.depth - k);
          gemm_panels({.w = w,
                       .range = panels,
                       .k = k,
                       .depth = depth,
                       .rows = rows,
                       .compute_type = problem.compute_type,
                       .sums = sums,
                       .buffer = buffer},
                      load_a(first_row, rows, k, depth, room));
        }
        epilogue(Block{.row = first_row, .rows = rows, .column = first_col, .columns = cols}, sums);
      });
}

}  // namespace seedstory::cpu
