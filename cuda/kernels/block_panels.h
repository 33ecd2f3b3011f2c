// The weight of Linear and GatedLinear in q8 or q4 as their kernels read it (block_panels.cu).
#pragma once

#include "../queue.h"
#include "seedstory/ops.h"

namespace seedstory {

// A panel is 16 rows; beside a gate 8 rows of values, then their 8 gates. It is a sequence of pieces of 512 bytes, each
// of 32 of k in q8, of 64 in q4, of which 16 bytes are for each lane of a warp, as mma wants them of either operand: of
// lane 4 g + p they are k 8 p to 8 p + 7 of row g, then of row g + 8; in q4 of the first 32 of k, then of the next.
//
//   q8   the 8 numbers of a row, a byte each, in two's complement
//   q4   a word: number 2 i is bits 4 i and up, 2 i + 1 bits 16 + 4 i and up, each plus 8
//
// The scales of 32 of k are 16 f16, those of rows g and g + 8 side by side. What a weight does not have, rows of the
// last panel and in q4 the second half of the last piece, is zeros.
//
// Of mma's 32 of k in int8 lane p holds 4 p to 4 p + 3 and 16 + 4 p to 16 + 4 p + 3: there the other operand has its k
// in the order of p's 8, or is read 8 bytes a lane.
struct BlockPanels {
  const void* values;
  const f16* scales;
  int64_t panels, blocks;  // blocks: of 32 of k, a panel's
  bool is_q4, gate;

  __host__ __device__ int64_t value_bytes() const { return panels * blocks * (is_q4 ? 256 : 512); }
  int64_t bytes() const { return value_bytes() + panels * blocks * 32; }  // the scales lie behind the values
};

// Without their memory.
BlockPanels block_panels_shape(const Weight& w, WeightUse use);

struct PackedBlocks final : PackedWeight {
  BlockPanels panels;
  int64_t rows;  // of the weight
  PackedBlocks(const BlockPanels& panels, int64_t rows) : panels(panels), rows(rows) {}
};

// Into bytes() of memory at `to`, which begins at a multiple of 16 bytes, from a weight that is not packed and lies
// elsewhere.
BlockPanels pack_blocks(const Weight& from, WeightUse use, void* to, const Queue& queue);

// Of op.w, of any of its rows: what it is packed as, or made in the queue's scratch memory where it is not packed.
BlockPanels block_panels_of(const Linear& op, const Queue& queue);
BlockPanels block_panels_of(const GatedLinear& op, const Queue& queue);

}  // namespace seedstory
