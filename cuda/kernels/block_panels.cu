// The weight of Linear and GatedLinear in q8 or q4 as panels (block_panels.h says what they are).
//
// Work    Once at load: a thread makes the 16 bytes of a lane, from 8 bytes of two rows, or 4 of two rows at
//         two places. Of each piece one warp makes the scales, a number a lane of its first half. Reads lie a row apart
//         and come from L2 again for the lanes beside; writes are 512 bytes a warp.
// Limits  None: any rows, k a multiple of 32 as Weight has it.
// Error   None: integers and scales are moved.
#include "../device/vec.cuh"
#include "../launch_op.h"
#include "block_panels.h"
#include "linear_int8.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256, kRows = 16;

struct Args {
  Vec<uint32_t>* to;
  f16* to_scales;
  const uint8_t* from;     // (rows, k)
  const f16* from_scales;  // (rows, k / 32)
  int64_t pieces;          // of all panels
  int64_t rows;            // beside a gate half of the weight's
  int64_t k;
  int64_t panel_blocks;
  bool gate;
};

// The weight's row that is row `row` of a panel; -1: none.
__device__ int64_t row_of(const Args& a, int64_t panel, int row) {
  const int64_t at = a.gate ? panel * (kRows / 2) + row % (kRows / 2) : panel * kRows + row;
  if (at >= a.rows) return -1;
  return at + (a.gate && row >= kRows / 2 ? a.rows : 0);
}

// 8 nibbles as they are stored, number i from bit 4 i on, in the order of panels: even ones low, odd ones high.
__device__ uint32_t in_order(uint32_t stored) {
  uint32_t word = 0;
  for (int i = 0; i < 8; ++i) word |= (stored >> i * 4 & 15) << (i / 2 * 4 + i % 2 * 16);
  return word ^ 0x88888888;  // plus 8
}

template <bool kQ4>
__global__ void __launch_bounds__(kThreads) block_panels(const __grid_constant__ Args a) {
  constexpr int kBlocks = kQ4 ? 2 : 1;  // of a piece
  const int lane = int(threadIdx.x) % kWarp, group = lane / 4, part = lane % 4;
  const int64_t piece = (int64_t(blockIdx.x) * kThreads + threadIdx.x) / kWarp;
  if (piece >= a.pieces) return;
  const int64_t panel = piece * kBlocks / a.panel_blocks, first = piece * kBlocks % a.panel_blocks;

  Vec<uint32_t> mine;
  for (int i = 0; i < 2 * kBlocks; ++i) {
    const int64_t row = row_of(a, panel, i % 2 * 8 + group), at = (first + i / 2) * kWeightBlock + part * 8;
    const bool exists = row >= 0 && at < a.k;
    if constexpr (kQ4) {
      mine.v[i] = exists ? in_order(load_vec<Vec<uint32_t, 1>>(a.from + (row * a.k + at) / 2).v[0]) : 0x88888888;
    } else {
      const auto words = exists ? load_vec<Vec<uint32_t, 2>>(a.from + row * a.k + at) : Vec<uint32_t, 2>{};
      mine.v[i * 2] = words.v[0], mine.v[i * 2 + 1] = words.v[1];
    }
  }
  store_vec(a.to + piece * kWarp + lane, mine);

  const int scale = lane % kRows, block = lane / kRows;  // rows g and g + 8 side by side
  if (block >= kBlocks) return;
  const int64_t row = row_of(a, panel, scale % 2 * 8 + scale / 2), at = first + block;
  const bool exists = row >= 0 && at * kWeightBlock < a.k;
  a.to_scales[(piece * kBlocks + block) * kRows + scale] =
      exists ? a.from_scales[row * (a.k / kWeightBlock) + at] : from_float<f16>(0);
}

template <class Op>
BlockPanels panels_of(const Op& op, const Queue& queue) {
  if (!op.w.packed) return pack_blocks(op.w, op.weight_use(), queue.scratch, queue);
  const auto* made = dynamic_cast<const PackedBlocks*>(op.w.packed);
  const BlockPanels rows = block_panels_shape(op.w, op.weight_use());
  if (!made || made->panels.gate != rows.gate || made->panels.is_q4 != rows.is_q4)
    fail(std::string(Op::name) + ": w is packed, but not for this product in CUDA");
  if (rows.gate && op.w.values.dim[0] != made->rows)
    fail(std::string(Op::name) + ": w is some rows of a packed weight, " + op.w.str() +
         ", whose gates lie beside its values");
  BlockPanels panels = made->panels;
  const int64_t before = op.w.first_row / kRows * panels.blocks;  // blocks
  panels.values = static_cast<const char*>(panels.values) + before * (panels.is_q4 ? 256 : 512);
  panels.scales += before * kRows;
  panels.panels = rows.panels;
  return panels;
}

template <class Op>
int64_t scratch_bytes_of(const Op& op) {
  if (op.w.packed) return int8_scratch_bytes(op);
  return op.w.scales ? block_panels_shape(op.w, op.weight_use()).bytes() : 0;
}

}  // namespace

BlockPanels block_panels_shape(const Weight& w, WeightUse use) {
  const bool gate = use == WeightUse::gated_linear, is_q4 = w.format() == WeightFormat::q4;
  const int64_t blocks = w.values.dim[1] / kWeightBlock;
  return {.values = nullptr,
          .scales = nullptr,
          .panels = gate ? ceil_div(w.values.dim[0] / 2, kRows / 2) : ceil_div(w.values.dim[0], kRows),
          .blocks = is_q4 ? ceil_div(blocks, 2) * 2 : blocks,
          .is_q4 = is_q4,
          .gate = gate};
}

BlockPanels pack_blocks(const Weight& from, WeightUse use, void* to, const Queue& queue) {
  BlockPanels panels = block_panels_shape(from, use);
  panels.values = to;
  auto* const scales = reinterpret_cast<f16*>(static_cast<char*>(to) + panels.value_bytes());
  panels.scales = scales;
  const int64_t pieces = panels.value_bytes() / 512;
  if (pieces == 0) return panels;
  const Args args{.to = static_cast<Vec<uint32_t>*>(to),
                  .to_scales = scales,
                  .from = static_cast<const uint8_t*>(from.values.data),
                  .from_scales = static_cast<const f16*>(from.scales.data),
                  .pieces = pieces,
                  .rows = from.values.dim[0] / (panels.gate ? 2 : 1),
                  .k = from.values.dim[1],
                  .panel_blocks = panels.blocks,
                  .gate = panels.gate};
  const dim3 grid(unsigned(ceil_div(pieces * kWarp, kThreads)));
  if (panels.is_q4)
    launch<NoShared, block_panels<true>>(grid, kThreads, queue, args);
  else
    launch<NoShared, block_panels<false>>(grid, kThreads, queue, args);
  return panels;
}

BlockPanels block_panels_of(const Linear& op, const Queue& queue) {
  return panels_of(op, queue);
}
BlockPanels block_panels_of(const GatedLinear& op, const Queue& queue) {
  return panels_of(op, queue);
}

int64_t scratch_bytes(const Linear& op) {
  return scratch_bytes_of(op);
}
int64_t scratch_bytes(const GatedLinear& op) {
  return scratch_bytes_of(op);
}

}  // namespace seedstory
