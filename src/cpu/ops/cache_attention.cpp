// CacheAttention (ops.h): causal attention over a cache whose keys are rotated by rank as they are read.
//
// Work   A thread takes a head: it writes the head's part of the new keys and values to the cache, rotates its queries,
//        and goes over the tiles of kKeyTile ranks: a tile's keys are rotated and packed once, its values packed if
//        several queries want them, then each block of queries takes it into its softmax (attend.h).
// Error  Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): the chains over head_dim
//        and ranks, 2^-23 (sqrt(head_dim) + sqrt(length) + 6).
// Bits   Tiles begin at multiples of kKeyTile ranks, and a row's sums run over ranks in order: a query gives the same
//        bits alone and in any chunk.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/ops/attend.h"
#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kPackValuesFrom = 4;       // queries
constexpr int64_t kWorthAThread = 8 * 1024;  // elements of the keys: some 4 us

// One thread's part of the scratch memory.
struct Buffers {
  float* q;        // [row][dim], rotated
  float* out;      // [row][padded_dim]
  float* row_max;  // [row]
  float* row_sum;  // [row]
  float* rotated;  // [16][dim]
  float* k;        // [key / 16][dim][16]
  float* v;        // [column / 16][kKeyTile][16]
  float* scores;   // [kScoresSize]

  static int64_t size(int64_t rows, int64_t dim, int64_t padded_dim) {
    return rows * (dim + padded_dim + 2) + (kNR + kKeyTile) * dim + kKeyTile * padded_dim + kScoresSize;
  }
  Buffers(float* p, int64_t rows, int64_t dim, int64_t padded_dim) {
    k = p;
    v = k + kKeyTile * dim;
    scores = v + kKeyTile * padded_dim;
    out = scores + kScoresSize;
    q = out + rows * padded_dim;
    rotated = q + rows * dim;
    row_max = rotated + kNR * dim;
    row_sum = row_max + rows;
  }
};

// The head's part of the new tokens into the slots of their ranks, which begin at `first`.
void write_cache(const CacheAttention& op, int64_t head, int64_t first) {
  const int64_t rows = op.q.dim[0], dim = op.q.dim[2];
  const auto* slots = op.slots.as<int32_t>() + first;
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(vector_of(op.k, row, head), dim, vector_of(op.k_cache, slots[row], head));
    std::copy_n(vector_of(op.v, row, head), dim, vector_of(op.v_cache, slots[row], head));
  }
}

void pack_keys(const Kernels& kernels, const CacheAttention& op, int64_t head, int64_t first, int64_t keys,
               const Buffers& to) {
  const int64_t dim = op.q.dim[2];
  const auto* slots = op.slots.as<int32_t>();
  const auto* rope = op.rope.as<float>();
  for (int64_t key = 0; key < keys; key += kNR) {
    const int64_t count = std::min(kNR, keys - key);
    const float* rows[kNR];
    for (int64_t j = 0; j < count; ++j) {
      const int64_t rank = first + key + j;
      rows[j] = to.rotated + j * dim;
      kernels.apply_rope(dim / 2, vector_of(op.k_cache, slots[rank], head), rope + rank * op.rope.stride[0],
                         to.rotated + j * dim);
    }
    kernels.pack_panel(rows, count, dim, to.k + key * dim);
  }
}

void pack_values(const float* const* rows, int64_t keys, int64_t dim, int64_t padded_dim, const Buffers& to) {
  for (int64_t key = 0; key < keys; ++key)
    for (int64_t c = 0; c < padded_dim; c += kNR) {
      float* panel = to.v + c * kKeyTile + key * kNR;
      const int64_t columns = std::min(kNR, dim - c);
      std::copy_n(rows[key] + c, columns, panel);
      std::fill(panel + columns, panel + kNR, 0.0f);
    }
}

}  // namespace

template <>
int64_t scratch_bytes(const CacheAttention& op, const ExecContext& context) {
  const int64_t dim = op.q.dim[2], padded_dim = ceil_div(dim, kNR) * kNR;
  return context.pool.threads() * Buffers::size(op.q.dim[0], dim, padded_dim) * int64_t(sizeof(float));
}

template <>
void execute(const CacheAttention& op, ExecContext& context) {
  const int64_t rows = op.q.dim[0], heads = op.q.dim[1], dim = op.q.dim[2], length = *op.length.as<int32_t>();
  if (length < rows || length > op.slots.dim[0])
    fail(fmt::format("CacheAttention: length is {}, expected {} to {}", length, rows, op.slots.dim[0]));
  const int64_t padded_dim = ceil_div(dim, kNR) * kNR;
  if (op.q.numel() == 0) return;
  const int64_t buffer_size = Buffers::size(rows, dim, padded_dim);
  float* scratch = context.scratch.floats(context.pool.threads() * buffer_size);
  const auto* slots = op.slots.as<int32_t>();
  const auto* rope = op.rope.as<float>();
  const bool pack = rows >= kPackValuesFrom;
  const int threads = length * heads * dim < kWorthAThread ? 1 : context.pool.threads();

  context.pool.run(heads, threads, [&](int64_t head, int thread) {
    const float* v_rows[kKeyTile];
    const Buffers at(scratch + thread * buffer_size, rows, dim, padded_dim);
    const auto queries_from = [&](int64_t row, int64_t count) {
      return Queries{.kernels = context.kernels,
                     .rows = count,
                     .q = at.q + row * dim,
                     .q_stride = dim,
                     .scale = op.scale,
                     .out = at.out + row * padded_dim,
                     .row_max = at.row_max + row,
                     .row_sum = at.row_sum + row,
                     .scores = at.scores};
    };
    write_cache(op, head, length - rows);
    for (int64_t row = 0; row < rows; ++row)
      context.kernels.apply_rope(dim / 2, vector_of(op.q, row, head), rope + (length - rows + row) * op.rope.stride[0],
                                 at.q + row * dim);
    begin(queries_from(0, rows), padded_dim);
    for (int64_t first = 0; first < length; first += kKeyTile) {
      const KeyTile tile{.keys = std::min(kKeyTile, length - first),
                         .k = at.k,
                         .v = pack ? at.v : nullptr,
                         .v_panel_stride = kKeyTile * kNR,
                         .v_rows = v_rows,
                         .dim = dim,
                         .padded_dim = padded_dim};
      pack_keys(context.kernels, op, head, first, tile.keys, at);
      for (int64_t key = 0; key < tile.keys; ++key) v_rows[key] = vector_of(op.v_cache, slots[first + key], head);
      if (pack) pack_values(v_rows, tile.keys, dim, padded_dim, at);
      for (int64_t row = 0; row < rows; row += kQueryBlock) {
        const int64_t visible_keys = length - rows + row + 1 - first;  // by the first query of the block
        attend(queries_from(row, std::min(kQueryBlock, rows - row)), tile, visible_keys, true);
      }
    }
    for (int64_t row = 0; row < rows; ++row)
      context.kernels.divide(dim, at.out + row * padded_dim, at.row_sum[row], vector_of(op.y, row, head));
  });
}

}  // namespace seedstory::cpu
