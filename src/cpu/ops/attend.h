// What Attention and CacheAttention share: a block of queries of one head against a tile of its keys.
#pragma once

#include <cstdint>

namespace seedstory::cpu {

constexpr int64_t kQueryBlock = 48;  // rows of one call, a multiple of every matrix tile's
constexpr int64_t kKeyTile = 128;    // keys from a multiple of this on; the scores of a block are 24 KiB

// The queries' softmax so far, a row a query.
struct Queries {
  const void* q;  // [row][dim]: bf16 where the tile is in pairs, else f32
  int64_t q_stride;
  float* out;      // [row][padded_dim]: weighted sum of values
  float* row_max;  // [row]: largest score
  float* row_sum;  // [row]: of the weights
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

// Floats of the memory that attend() works in.
constexpr int64_t kScoresSize = kQueryBlock * kKeyTile + kQueryBlock * kKeyTile / 2;

void begin(const Queries&, int64_t rows, int64_t padded_dim);

// Takes the tile into the softmax of `rows` queries. Query i sees the first `seen + i * causal` keys of the tile, from
// 0 to all of them; the bits of its row are the same in any block. In pairs all queries see the whole tile.
void attend(const Queries&, int64_t rows, const KeyTile&, float scale, int64_t visible_keys, bool causal,
            float* scores);

}  // namespace seedstory::cpu
