// CuTe's layouts as plain tables, so that its headers and the emulator's gpu.cuh, which both name CUDA's words, never
// meet in one file. All of them are made at run time from the layout functions of the library itself.
#pragma once

#include <array>

namespace cute_layouts {

struct Place {
  int row, col;
  bool operator==(const Place&) const = default;
};

// Which element of its matrix a lane holds in register element i: [lane][i].
struct MmaM16N8K16 {
  std::array<std::array<Place, 8>, 32> a;  // (row, k) of 16 x 16
  std::array<std::array<Place, 4>, 32> b;  // (k, column) of 16 x 8
  std::array<std::array<Place, 4>, 32> d;  // (row, column) of 16 x 8
};
MmaM16N8K16 mma_f16();
MmaM16N8K16 mma_bf16();

// Of 8-bit elements.
struct MmaM16N8K32 {
  std::array<std::array<Place, 16>, 32> a;  // (row, k) of 16 x 32
  std::array<std::array<Place, 8>, 32> b;   // (k, column) of 32 x 8
  std::array<std::array<Place, 4>, 32> d;
};
MmaM16N8K32 mma_s8();

// ldmatrix.x4 of four 8x8 matrices that lie one after the other in shared memory, 16 bytes a row.
struct LdmatrixX4 {
  std::array<int, 32> row_bytes;                // where the row starts whose address a lane gives
  std::array<std::array<int, 8>, 32> elements;  // [lane][i]: which of the 256 elements lands in register element i
};
LdmatrixX4 ldmatrix_x4();
LdmatrixX4 ldmatrix_x4_trans();

// Where byte `offset` of plain rows of 64 or 128 bytes lies under Swizzle<2, 4, 3> and Swizzle<3, 4, 3>.
int swizzled_64(int offset);
int swizzled_128(int offset);

}  // namespace cute_layouts
