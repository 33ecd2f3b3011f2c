// Attention (ops.h):  y <- softmax(scale q kT) v, per picture and head.
//
// Work   Keys and values of every head are packed into panels once. A task is a block of queries of one head, which
//        goes over the tiles of keys with a running softmax (softmax.h): the scores of a block by a tile are all that
//        is ever held of them. Scratch: as much as k and v. In bf16 both products are Bf16Kernels' and the softmax
//        between them is f32.
// Error  Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): the chains over head_dim
//        and keys, 2^-23 (sqrt(head_dim) + sqrt(keys) + 4). In bf16 2^-8 more.
#include <algorithm>

#include "cpu/ops/attend.h"
#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

// Where the keys and values of every head are packed: numbers in f32, or in bf16 in pairs.
struct Packed {
  const Kernels& kernels;
  bool bf16x2;
  int64_t dim, padded_dim, padded_keys;
  float *k, *v;  // k [head][key / 16][dim][16], v [head][column / 16][key][16]

  int64_t floats(int64_t numbers) const { return bf16x2 ? numbers / 2 : numbers; }
  int64_t k_size() const { return floats(ceil_div(padded_keys, kNR) * kNR * dim); }
  int64_t v_size() const { return floats(padded_dim * padded_keys); }
  float* k_at(int64_t head, int64_t key) const { return k + head * k_size() + floats(key * dim); }
  float* v_at(int64_t head, int64_t column, int64_t key) const {
    return v + head * v_size() + floats(column * padded_keys + key * kNR);
  }
};

// Keys of one panel of a head, and the values of the same tokens.
struct KeyPanel {
  int64_t head, first, count;
  const float *k[kNR], *v[kNR];
};

KeyPanel key_panel(const Attention& op, int64_t head, int64_t first) {
  const int64_t heads = op.q.dim[2];
  KeyPanel out{.head = head, .first = first, .count = std::min(kNR, op.k.dim[1] - first), .k = {}, .v = {}};
  for (int64_t j = 0; j < out.count; ++j) {
    out.k[j] = vector_of(op.k, head / heads, first + j, head % heads);
    out.v[j] = vector_of(op.v, head / heads, first + j, head % heads);
  }
  return out;
}

void pack(const KeyPanel& from, const Packed& to) {
  to.kernels.pack_panel(from.k, from.count, to.dim, to.k_at(from.head, from.first));
  for (int64_t j = 0; j < from.count; ++j)
    for (int64_t c = 0; c < to.padded_dim; c += kNR) {
      const int64_t columns = std::min(kNR, to.dim - c);
      float* at = to.v_at(from.head, c, from.first + j);
      std::copy_n(from.v[j] + c, columns, at);
      std::fill_n(at + columns, kNR - columns, 0.0f);
    }
}

void pack_bf16x2(const KeyPanel& from, const Packed& to) {
  const Bf16Kernels& run = *to.kernels.bf16x2;
  constexpr int64_t kPiece = 256;  // of the depth: 8 KiB on the stack
  alignas(64) uint16_t rounded[kNR * kPiece];
  // A pair of keys' numbers is as large as one in f32 and turns like one.
  for (int64_t k = 0; k < to.dim; k += kPiece) {
    const int64_t depth = std::min(kPiece, to.dim - k);
    const float* rows[kNR];
    for (int64_t j = 0; j < from.count; ++j) {
      run.split(depth, from.k[j] + k, rounded + j * kPiece, nullptr);
      rows[j] = reinterpret_cast<const float*>(rounded + j * kPiece);
    }
    to.kernels.pack_panel(rows, from.count, depth / 2, to.k_at(from.head, from.first) + k / 2 * kNR);
  }

  for (int64_t j = 0; j < from.count; j += 2)
    for (int64_t c = 0; c < to.padded_dim; c += kNR) {
      uint16_t even[kNR] = {}, odd[kNR] = {};  // what is behind dim and count is 0
      const int64_t columns = std::min(kNR, to.dim - c);
      run.split(columns, from.v[j] + c, even, nullptr);
      if (j + 1 < from.count) run.split(columns, from.v[j + 1] + c, odd, nullptr);
      auto* at = reinterpret_cast<uint16_t*>(to.v_at(from.head, c, from.first + j));
      for (int64_t i = 0; i < kNR; ++i) at[2 * i] = even[i], at[2 * i + 1] = odd[i];
    }
}

// Without its memory.
Packed packed_shape(const Attention& op, const Kernels& kernels) {
  const int64_t keys = op.k.dim[1], dim = op.q.dim[3];
  const bool bf16x2 = op.compute_type == DType::bf16 && kernels.bf16x2 && dim % 2 == 0;
  return {.kernels = kernels,
          .bf16x2 = bf16x2,
          .dim = dim,
          .padded_dim = ceil_div(dim, kNR) * kNR,
          .padded_keys = bf16x2 ? keys + keys % 2 : keys};
}

// Floats of a thread's block of queries.
int64_t block_floats(const Packed& packed) {
  return kScoresSize + kQueryBlock * (packed.padded_dim + 2) + (packed.bf16x2 ? kQueryBlock * packed.dim / 2 : 0);
}

// Queries of one head from `first` on, of which some fit a block; `head` counts over all pictures.
Queries query_block(const Attention& op, const Packed& packed, int64_t head, int64_t first, float* memory) {
  const int64_t heads = op.q.dim[2], picture = head / heads;
  float *out = memory + kScoresSize, *row_max = out + kQueryBlock * packed.padded_dim;
  Queries block{.kernels = packed.kernels,
                .rows = std::min(kQueryBlock, op.q.dim[1] - first),
                .q = vector_of(op.q, picture, first, head % heads),
                .q_stride = op.q.stride[1],
                .scale = op.scale,
                .out = out,
                .row_max = row_max,
                .row_sum = row_max + kQueryBlock,
                .scores = memory};
  if (!packed.bf16x2) return block;
  auto* rounded = reinterpret_cast<uint16_t*>(block.row_sum + kQueryBlock);
  for (int64_t row = 0; row < block.rows; ++row)
    packed.kernels.bf16x2->split(packed.dim, vector_of(op.q, picture, first + row, head % heads),
                                 rounded + row * packed.dim, nullptr);
  block.q = rounded, block.q_stride = packed.dim;
  return block;
}

}  // namespace

template <>
int64_t scratch_bytes(const Attention& op, const ExecContext& context) {
  const Packed packed = packed_shape(op, context.kernels);
  const int64_t of_heads = op.q.dim[0] * op.q.dim[2] * (packed.k_size() + packed.v_size());
  return (of_heads + context.pool.threads() * block_floats(packed)) * int64_t(sizeof(float));
}

template <>
void execute(const Attention& op, ExecContext& context) {
  const int64_t queries = op.q.dim[1], heads = op.q.dim[2], dim = op.q.dim[3], all_heads = op.q.dim[0] * heads;
  const int64_t keys = op.k.dim[1];
  if (op.q.numel() == 0) return;
  Packed packed = packed_shape(op, context.kernels);
  packed.k = static_cast<float*>(context.scratch.bytes(scratch_bytes(op, context)));
  packed.v = packed.k + all_heads * packed.k_size();
  float* blocks = packed.v + all_heads * packed.v_size();

  const int64_t key_panels = ceil_div(keys, kNR);
  parallel_rows(context.pool, all_heads * key_panels, 2 * kNR * dim, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      (packed.bf16x2 ? pack_bf16x2 : pack)(key_panel(op, i / key_panels, i % key_panels * kNR), packed);
  });

  const int64_t blocks_a_head = ceil_div(queries, kQueryBlock);
  context.pool.run(all_heads * blocks_a_head, context.pool.threads(), [&](int64_t task, int thread) {
    const int64_t head = task / blocks_a_head, picture = head / heads, first = task % blocks_a_head * kQueryBlock;
    const Queries block = query_block(op, packed, head, first, blocks + thread * block_floats(packed));
    begin(block, packed.padded_dim);
    for (int64_t key = 0; key < keys; key += kKeyTile) {
      const KeyTile tile{.keys = std::min(kKeyTile, keys - key),
                         .k = packed.k_at(head, key),
                         .v = packed.v_at(head, 0, key),
                         .v_panel_stride = packed.padded_keys * kNR,
                         .v_rows = nullptr,
                         .dim = dim,
                         .padded_dim = packed.padded_dim,
                         .bf16x2 = packed.bf16x2};
      attend(block, tile, tile.keys, false);
    }
    for (int64_t row = 0; row < block.rows; ++row)
      context.kernels.divide(dim, block.out + row * packed.padded_dim, block.row_sum[row],
                             vector_of(op.y, picture, first + row, head % heads));
  });
}

}  // namespace seedstory::cpu
