#include "layouts.h"

#include <cute/atom/copy_traits_sm75.hpp>
#include <cute/atom/mma_traits_sm80.hpp>
#include <cute/swizzle.hpp>

namespace cute_layouts {
namespace {

// CuTe numbers the elements of a fragment's matrix down its first mode: a is (m, k), b is (n, k), d is (m, n).
template <class Tables, class Atom>
Tables mma_tables() {
  using Traits = cute::MMA_Traits<Atom>;
  const typename Traits::ALayout a;
  const typename Traits::BLayout b;
  const typename Traits::CLayout d;
  Tables tables;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < int(tables.a[0].size()); ++i) tables.a[lane][i] = {a(lane, i) % 16, a(lane, i) / 16};
    for (int i = 0; i < int(tables.b[0].size()); ++i) tables.b[lane][i] = {b(lane, i) / 8, b(lane, i) % 8};
    for (int i = 0; i < 4; ++i) tables.d[lane][i] = {d(lane, i) % 16, d(lane, i) / 16};
  }
  return tables;
}

// Copy layouts count bits.
template <class Atom>
LdmatrixX4 ldmatrix_tables() {
  using Traits = cute::Copy_Traits<Atom>;
  const typename Traits::SrcLayout from;
  const typename Traits::DstLayout to;
  LdmatrixX4 tables;
  for (int lane = 0; lane < 32; ++lane) {
    tables.row_bytes[lane] = from(lane, 0) / 8;
    for (int i = 0; i < 8; ++i) tables.elements[lane][i] = to(lane, i * 16) / 16;
  }
  return tables;
}

}  // namespace

MmaM16N8K16 mma_f16() {
  return mma_tables<MmaM16N8K16, cute::SM80_16x8x16_F32F16F16F32_TN>();
}
MmaM16N8K16 mma_bf16() {
  return mma_tables<MmaM16N8K16, cute::SM80_16x8x16_F32BF16BF16F32_TN>();
}
MmaM16N8K32 mma_s8() {
  return mma_tables<MmaM16N8K32, cute::SM80_16x8x32_S32S8S8S32_TN>();
}
LdmatrixX4 ldmatrix_x4() {
  return ldmatrix_tables<cute::SM75_U32x4_LDSM_N>();
}
LdmatrixX4 ldmatrix_x4_trans() {
  return ldmatrix_tables<cute::SM75_U16x8_LDSM_T>();
}
int swizzled_64(int offset) {
  return cute::Swizzle<2, 4, 3>()(offset);
}
int swizzled_128(int offset) {
  return cute::Swizzle<3, 4, 3>()(offset);
}

}  // namespace cute_layouts
