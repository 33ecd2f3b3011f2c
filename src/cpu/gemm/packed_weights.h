// The weights of Linear, GatedLinear and Conv2d as matrices in panels (microkernel.h), in the memory where they were
// uploaded.
#pragma once

#include <memory>

#include "cpu/runtime/exec_context.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "seedstory/weight.h"

namespace seedstory::cpu {

// A matrix of `parts` parts, each (rows, depth), as sixteen rows side by side: a panel is [k][16], and each part begins
// one. The last panel of a part is filled up with zeros, or with what lies behind some rows of a matrix.
struct Panels {
  const Kernels* kernels = nullptr;  // that read them: their order depends on the set
  WeightFormat format = WeightFormat::f32;
  bool bf16x2 = false;  // bf16 in the order of Bf16Kernels
  bool int8 = false;    // multiplied in integers: q8 and q4, where the backend does
  const void* values = nullptr;
  const uint16_t* scales = nullptr;  // f16 [panel][block of k][16], for q8 and q4
  int64_t rows = 0, parts = 1, depth = 0;
  // Of a 3x3 kernel over a doubled picture, whose panels are not summed yet: which of the four kernels of 2x2 this is
  // (Taps). `depth` is what they have, 4 channels; a panel in memory has 9 channels.
  int parity = -1;

  int64_t part_panels() const { return ceil_div(rows, kNR); }
  int64_t panels() const { return parts * part_panels(); }
  int64_t stored_depth() const { return parity < 0 ? depth : depth / 4 * 9; }

  // Numbers [k, k + count) of a panel in f32, [k][16]: where they lie, or in `buffer`. k and count are multiples of 2
  // where pairs are, of 32 where blocks are.
  const float* in_f32(int64_t panel, int64_t k, int64_t count, float* buffer) const;

 private:
  void widen(int64_t panel, int64_t k, int64_t count, float* to) const;
  void sum_taps(int64_t panel, int64_t k, int64_t count, float* to) const;
};

// Of a kernel's three rows over a doubled picture those that fall on the first (0) or second (1) row of x that an
// output row sees; even output rows and odd ones differ. Columns the same. A kernel of 3x3 is so one of four kernels of
// 2x2, [parity of the row][of the column].
struct Taps {
  int64_t begin, end;
  Taps(int64_t parity, int64_t place) : begin(place == 0 ? 0 : 1 + parity), end(place == 0 ? 1 + parity : 3) {}
};

// A panel's numbers in the order of Bf16Kernels, rounded to bf16; depth even.
void interleave_k2(int64_t depth, const float* panel, uint16_t* to);

// What a packed weight takes. The upsampling kernel of f32 or bf16 is held as the four kernels that it becomes; of the
// other formats their sums are made piece by piece in the product.
int64_t packed_bytes(const Weight& weight, WeightUse use, const Kernels& kernels);

// In place, see Backend::pack.
std::unique_ptr<PackedWeight> pack_weight(const Weight& weight, WeightUse use, ExecContext& context);

// The panels of a weight, or of some rows of one; of one that is not packed they are made in `room`. An upsampling
// kernel gives its four by parity_panels().
Panels panels_of(const Weight& weight, WeightUse use, Scratch& room, ExecContext& context);
Panels parity_panels(const Panels& upsample, int parity);

// Without their memory, and the room that they take.
Panels panel_shape(const Weight& weight, WeightUse use, const ExecContext& context);
int64_t room_bytes(const Weight& weight, WeightUse use, const Kernels& kernels);

}  // namespace seedstory::cpu
