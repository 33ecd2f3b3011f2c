#include "cpu/ops/attend.h"

#include <algorithm>
#include <limits>

#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

void begin(const Queries& to, int64_t rows, int64_t padded_dim) {
  std::fill_n(to.out, rows * padded_dim, 0.0f);
  std::fill_n(to.row_max, rows, -std::numeric_limits<float>::infinity());
  std::fill_n(to.row_sum, rows, 0.0f);
}

void attend(const Queries& to, int64_t rows, const KeyTile& tile, float scale, int64_t visible_keys, bool causal,
            float* scores) {
  const Kernels& run = kernels();
  const auto visible_to = [&](int64_t row) {
    return std::clamp<int64_t>(visible_keys + (causal ? row : 0), 0, tile.keys);
  };
  // Rows before `from` see nothing of the tile, those from `full` on all of it.
  int64_t from = 0, full = 0;
  while (from < rows && visible_to(from) == 0) ++from;
  full = from;
  while (full < rows && visible_to(full) < tile.keys) ++full;
  if (from == rows) return;

  const int64_t panels = ceil_div(tile.keys, kNR), dim = tile.dim;
  if (tile.bf16x2)
    run.bf16x2->multiply(rows, panels, dim, static_cast<const uint16_t*>(to.q), to.q_stride,
                         static_cast<const uint16_t*>(tile.k), dim * kNR, scores, kKeyTile, false);
  else
    run.multiply(rows - from, panels, dim, static_cast<const float*>(to.q) + from * to.q_stride, to.q_stride,
                 static_cast<const float*>(tile.k), dim * kNR, scores + from * kKeyTile, kKeyTile, false);
  const auto out_of = [&](int64_t row) { return to.out + row * tile.padded_dim; };
  for (int64_t row = from; row < rows; ++row)
    run.online_softmax(visible_to(row), scale, scores + row * kKeyTile, to.row_max + row, to.row_sum + row,
                       tile.padded_dim, out_of(row));

  if (tile.bf16x2) {
    // The softmax of what is behind the last key is 0.
    auto* rounded = reinterpret_cast<uint16_t*>(scores + kQueryBlock * kKeyTile);
    const int64_t depth = tile.keys + tile.keys % 2;
    for (int64_t row = 0; row < rows; ++row)
      run.bf16x2->split(depth, scores + row * kKeyTile, rounded + row * kKeyTile, nullptr);
    run.bf16x2->multiply(rows, tile.padded_dim / kNR, depth, rounded, kKeyTile, static_cast<const uint16_t*>(tile.v),
                         tile.v_panel_stride, to.out, tile.padded_dim, true);
    return;
  }
  const auto weighted_sum = [&](int64_t row, int64_t count, int64_t keys) {
    if (tile.v)
      run.multiply(count, tile.padded_dim / kNR, keys, scores + row * kKeyTile, kKeyTile,
                   static_cast<const float*>(tile.v), tile.v_panel_stride, out_of(row), tile.padded_dim, true);
    else
      for (int64_t i = row; i < row + count; ++i)
        run.weighted_sum(keys, scores + i * kKeyTile, tile.v_rows, dim, out_of(i));
  };
  // A row that sees a part must not touch the values of the rest, be they NaN.
  for (int64_t row = from; row < full; ++row) weighted_sum(row, 1, visible_to(row));
  weighted_sum(full, rows - full, tile.keys);
}

}  // namespace seedstory::cpu
