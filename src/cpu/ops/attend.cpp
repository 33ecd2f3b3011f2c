#include "cpu/ops/attend.h"

#include <algorithm>
#include <limits>

#include "cpu/runtime/parallel.h"

namespace seedstory::cpu {

void begin(const Queries& to, int64_t padded_dim) {
  std::fill_n(to.out, to.rows * padded_dim, 0.0f);
  std::fill_n(to.row_max, to.rows, -std::numeric_limits<float>::infinity());
  std::fill_n(to.row_sum, to.rows, 0.0f);
}

namespace {

// scores <- q kT, for queries from `from` on.
void multiply_keys(const Queries& to, const KeyTile& tile, int64_t from) {
  const auto product = [&]<class T>(int64_t first, const T* q, const T* k) {
    return GemmArgs<T, T>{.rows = to.rows - first,
                          .panels = ceil_div(tile.keys, kNR),
                          .depth = tile.dim,
                          .a = q + first * to.q_stride,
                          .a_stride = to.q_stride,
                          .b = k,
                          .panel_stride = tile.dim * kNR,
                          .c = to.scores + first * kKeyTile,
                          .c_stride = kKeyTile};
  };
  if (tile.bf16x2)
    to.kernels.bf16x2->multiply(product(0, static_cast<const uint16_t*>(to.q), static_cast<const uint16_t*>(tile.k)));
  else
    to.kernels.multiply(product(from, static_cast<const float*>(to.q), static_cast<const float*>(tile.k)));
}

// out += scores v, where both are in bf16. The softmax of what is behind the last key is 0.
void add_values_bf16x2(const Queries& to, const KeyTile& tile) {
  auto* rounded = reinterpret_cast<uint16_t*>(to.scores + kQueryBlock * kKeyTile);
  const int64_t depth = tile.keys + tile.keys % 2;
  const Bf16Kernels& run = *to.kernels.bf16x2;
  for (int64_t row = 0; row < to.rows; ++row)
    run.split(depth, to.scores + row * kKeyTile, rounded + row * kKeyTile, nullptr);
  run.multiply({.rows = to.rows,
                .panels = tile.padded_dim / kNR,
                .depth = depth,
                .a = rounded,
                .a_stride = kKeyTile,
                .b = static_cast<const uint16_t*>(tile.v),
                .panel_stride = tile.v_panel_stride,
                .c = to.out,
                .c_stride = tile.padded_dim,
                .accumulate = true});
}

// out += scores v for `rows` queries from `row` on that see so many keys.
void add_values(const Queries& to, const KeyTile& tile, int64_t row, int64_t rows, int64_t keys) {
  const float* scores = to.scores + row * kKeyTile;
  float* out = to.out + row * tile.padded_dim;
  if (tile.v)
    to.kernels.multiply({.rows = rows,
                         .panels = tile.padded_dim / kNR,
                         .depth = keys,
                         .a = scores,
                         .a_stride = kKeyTile,
                         .b = static_cast<const float*>(tile.v),
                         .panel_stride = tile.v_panel_stride,
                         .c = out,
                         .c_stride = tile.padded_dim,
                         .accumulate = true});
  else
    for (int64_t i = 0; i < rows; ++i)
      to.kernels.weighted_sum(keys, scores + i * kKeyTile, tile.v_rows, tile.dim, out + i * tile.padded_dim);
}

}  // namespace

void attend(const Queries& to, const KeyTile& tile, int64_t visible_keys, bool causal) {
  const auto visible_to = [&](int64_t row) {
    return std::clamp<int64_t>(visible_keys + (causal ? row : 0), 0, tile.keys);
  };
  // Rows before `from` see nothing of the tile, those from `full` on all of it.
  int64_t from = 0, full = 0;
  while (from < to.rows && visible_to(from) == 0) ++from;
  full = from;
  while (full < to.rows && visible_to(full) < tile.keys) ++full;
  if (from == to.rows) return;

  multiply_keys(to, tile, from);
  for (int64_t row = from; row < to.rows; ++row)
    to.kernels.online_softmax({.keys = visible_to(row),
                               .scale = to.scale,
                               .scores = to.scores + row * kKeyTile,
                               .row_max = to.row_max + row,
                               .row_sum = to.row_sum + row,
                               .dim = tile.padded_dim,
                               .out = to.out + row * tile.padded_dim});

  if (tile.bf16x2) return add_values_bf16x2(to, tile);
  // A row that sees a part must not touch the values of the rest, be they NaN.
  for (int64_t row = from; row < full; ++row) add_values(to, tile, row, 1, visible_to(row));
  add_values(to, tile, full, to.rows - full, tile.keys);
}

}  // namespace seedstory::cpu
