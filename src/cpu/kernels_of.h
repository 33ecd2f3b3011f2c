// The table of kernels.h over one kind of Lanes. Included by one file an instruction set.
#pragma once

#include "cpu/kernels.h"
#include "cpu/lane_rows.h"
#include "cpu/multiply.h"
#include "cpu/softmax.h"

namespace seedstory::cpu {

template <class Lanes>
constexpr Kernels kernels_of(const char* name) {
  return {.name = name,
          .pairs = nullptr,
          .turn = turn<Lanes>,
          .pack_panel = pack_panel<Lanes>,
          .multiply = multiply_in_tiles<FmaTile<Lanes>>,
          .multiply_bf16 = multiply_in_tiles<FmaTile<Lanes>>,
          .multiply_half = multiply_half<Lanes>,
          .multiply_lines = multiply_lines<Lanes>,
          .copy_rows = copy_rows<Lanes>,
          .widen = widen<Lanes>,
          .weigh = weigh<Lanes>,
          .finish = finish<Lanes>,
          .finish_gated = finish_gated<Lanes>,
          .soften = soften<Lanes>,
          .divide = divide<Lanes>,
          .rotate = rotate<Lanes>,
          .add = add<Lanes>,
          .activate = activate_row<Lanes>,
          .layer_norm = layer_norm<Lanes>,
          .add_rms_norm = add_rms_norm<Lanes>,
          .channel_sums = channel_sums<Lanes>,
          .scale_channels = scale_channels<Lanes>};
}

}  // namespace seedstory::cpu
