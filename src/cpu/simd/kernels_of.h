// The table of kernels.h over one kind of Lanes. Included by one file an instruction set.
#pragma once

#include "cpu/simd/int8_round.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/lane_rows.h"
#include "cpu/simd/microkernel.h"
#include "cpu/simd/softmax.h"

namespace seedstory::cpu {

template <class Lanes>
constexpr Kernels kernels_of(CpuSet set, const Int8Kernels& int8) {
  return {.set = set,
          .bf16x2 = nullptr,
          .int8 = &int8,
          .transpose = transpose<Lanes>,
          .pack_panel = pack_panel<Lanes>,
          .multiply = gemm_block<FmaMicrokernel<Lanes>>,
          .gemm_bf16 = gemm_block<FmaMicrokernel<Lanes>>,
          .gemm_half_width = gemm_half_width<Lanes>,
          .conv_direct = conv_direct<Lanes>,
          .copy_rows = copy_rows<Lanes>,
          .widen_bf16 = widen_bf16<Lanes>,
          .widen_f16 = widen_f16<Lanes>,
          .widen_q8 = widen_q8<Lanes>,
          .widen_q4 = widen_q4<Lanes>,
          .round_int8 = round_int8<Lanes>,
          .weighted_sum = weighted_sum<Lanes>,
          .epilogue = epilogue<Lanes>,
          .epilogue_gated = epilogue_gated<Lanes>,
          .online_softmax = online_softmax<Lanes>,
          .divide = divide<Lanes>,
          .apply_rope = apply_rope<Lanes>,
          .add = add<Lanes>,
          .activate = activate_row<Lanes>,
          .layer_norm = layer_norm<Lanes>,
          .add_rms_norm = add_rms_norm<Lanes>,
          .channel_sums = channel_sums<Lanes>,
          .scale_channels = scale_channels<Lanes>};
}

}  // namespace seedstory::cpu
