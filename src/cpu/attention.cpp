// Attention (ops.h):  y <- softmax(scale q kT) v, per picture and head.
//
// Work   Keys and values of every head are packed into panels once. A task is a block of queries of one head, which
//        goes over the tiles of keys with a running softmax (softmax.h): the scores of a block by a tile are all that
//        is ever held of them. Scratch: as much as k and v.
// Error  Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): the chains over head_dim
//        and keys, 2^-23 (sqrt(head_dim) + sqrt(keys) + 4).
#include <algorithm>

#include "cpu/attend.h"
#include "cpu/execute.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

void execute(const Attention& op, Crew& crew) {
  const int64_t pictures = op.q.dim[0], queries = op.q.dim[1], heads = op.q.dim[2], dim = op.q.dim[3];
  const int64_t keys = op.k.dim[1], padded_dim = ceil_div(dim, kPanel) * kPanel;
  if (op.q.numel() == 0) return;
  const int64_t key_panels = ceil_div(keys, kPanel), k_size = key_panels * kPanel * dim, v_size = padded_dim * keys;
  const int64_t block_size = kQueryBlock * (kKeyTile + padded_dim + 2);
  float* k_packed = crew.scratch.floats(pictures * heads * (k_size + v_size) + crew.threads * block_size);
  float* v_packed = k_packed + pictures * heads * k_size;
  float* blocks = v_packed + pictures * heads * v_size;
  const Kernels& run = kernels();

  parallel_rows(crew.threads, pictures * heads * key_panels, 2 * kPanel * dim, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / key_panels, first = i % key_panels * kPanel;
      const int64_t count = std::min(kPanel, keys - first);
      const float* rows[kPanel];
      for (int64_t j = 0; j < count; ++j) rows[j] = vector_of(op.k, head / heads, first + j, head % heads);
      run.pack_panel(rows, count, dim, k_packed + head * k_size + first * dim);
      for (int64_t j = 0; j < count; ++j) {
        const float* v = vector_of(op.v, head / heads, first + j, head % heads);
        for (int64_t c = 0; c < padded_dim; c += kPanel) {
          float* to = v_packed + head * v_size + c * keys + (first + j) * kPanel;
          const int64_t columns = std::min(kPanel, dim - c);
          std::copy_n(v + c, columns, to);
          std::fill(to + columns, to + kPanel, 0.0f);
        }
      }
    }
  });

  const int64_t blocks_a_head = ceil_div(queries, kQueryBlock);
  parallel_tasks(crew.threads, pictures * heads * blocks_a_head, [&](int64_t task, int thread) {
    const int64_t head = task / blocks_a_head, picture = head / heads;
    const int64_t first = task % blocks_a_head * kQueryBlock, rows = std::min(kQueryBlock, queries - first);
    float *scores = blocks + thread * block_size, *out = scores + kQueryBlock * kKeyTile;
    float* top = out + kQueryBlock * padded_dim;
    const Queries block{.q = vector_of(op.q, picture, first, head % heads),
                        .q_stride = op.q.stride[1],
                        .out = out,
                        .top = top,
                        .sum = top + kQueryBlock};
    begin(block, rows, padded_dim);
    for (int64_t key = 0; key < keys; key += kKeyTile) {
      const KeyTile tile{.keys = std::min(kKeyTile, keys - key),
                         .k = k_packed + head * k_size + key * dim,
                         .v = v_packed + head * v_size + key * kPanel,
                         .v_panel_stride = keys * kPanel,
                         .v_rows = nullptr,
                         .dim = dim,
                         .padded_dim = padded_dim};
      attend(block, rows, tile, op.scale, tile.keys, false, scores);
    }
    for (int64_t row = 0; row < rows; ++row)
      run.divide(dim, out + row * padded_dim, block.sum[row], vector_of(op.y, picture, first + row, head % heads));
  });
}

}  // namespace seedstory::cpu
