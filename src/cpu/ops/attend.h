// What Attention and CacheAttention share: a block of queries of one head against a tile of its keys.
#pragma once

#include "cpu/simd/kernels.h"

namespace seedstory::cpu {

constexpr int64_t kQueryBlock = 48;  // rows of one call, a multiple of every matrix tile's
constexpr int64_t kKeyTile = 128;    // keys from a multiple of this on; the scores of a block are 24 KiB

// A block of queries with their softmax so far, one row per query.
struct Queries {
  const Kernels& kernels;
  int64_t rows;   // at most kQueryBlock for attend()
  const void* q;  // [row][dim]: bf16 where the tile is in pairs, else f32
  int64_t q_stride;
  float scale;
  float* out;      // [row][padded_dim]: weighted sum of values
  float* row_max;  // [row]: largest score
  float* row_sum;  // [row]: of the weights
  float* scores;   // [kScoresSize], what attend() works in
};

// Keys of one tile as panels (microkernel.h); its values as panels too, or as rows where too few queries come to pay
// for the packing. The bits are the same. In pairs (Bf16Kernels) both are bf16, an odd number of values has a row of
// zeros behind it, and there are no v_rows.
struct KeyTile {
  int64_t keys;                // at most kKeyTile
  const void* k;               // [key / 16][depth][16]
  const void* v;               // [column / 16][..][16], or null
  int64_t v_panel_stride;      // from one panel of v to the next
  const float* const* v_rows;  // [key][dim], where v is null
  int64_t dim, padded_dim;     // padded to whole panels
  bool bf16x2 = false;
};

// Floats of Queries::scores.
constexpr int64_t kScoresSize = kQueryBlock * kKeyTile + kQueryBlock * kKeyTile / 2;

void begin(const Queries&, int64_t padded_dim);

// Takes the tile into the softmax of the queries. Query i sees the first `visible_keys + i * causal` keys of the tile,
// from 0 to all of them; the bits of its row are the same in any block. In pairs all queries see the whole tile.
void attend(const Queries&, const KeyTile&, int64_t visible_keys, bool causal);

}  // namespace seedstory::cpu
