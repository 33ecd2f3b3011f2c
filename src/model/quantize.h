// From f32 to the formats that weights are held in.
#pragma once

#include <string>

#include "seedstory/weight.h"

namespace seedstory {

// Rounds rows (n, k) or (n, k, kh, kw) of f32, which lie as `to` has them, into host memory: values, and scales where
// the format has blocks. To the nearest, half to even; q8 by the largest size in a block over 127, q4 as llama.cpp's
// Q4_0 by the number of the largest size over -8. Scales are f16, and numbers are divided by what is left of them
// there.
//
// Returns what the format cannot hold, empty if nothing: "a number that is not finite", "100000, more than f16 holds".
std::string round_weight(const float* numbers, const Weight& to);

// Of a part's weights those that stay in 16 bits where the others are q8 or q4: they are few, or k is no multiple
// of 32.
inline constexpr struct {
  const char* part;
  const char* name;  // of the tensor; empty: all of the part's
  const char* why;
} kStays16[] = {{"vit", "conv1.weight", "k is the picture's 3 channels"},
                {"unet", "conv_in.weight", "k is the latent's 4 channels"},
                {"unet", "conv_out.weight", "4 rows: nothing to gain"},
                {"vae", "", "a hundredth of the weights, and all of a picture's detail"}};

// The format of a weight of that name, where the others of the part are in `format`. 16 bits are those of the
// activations, f16 beside f32.
WeightFormat format_of(WeightFormat format, DType activations, const std::string& part, const std::string& name);

}  // namespace seedstory
