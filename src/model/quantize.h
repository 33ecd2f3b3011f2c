// From f32 to the formats that weights are held in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seedstory/weight.h"

namespace seedstory {

// How q4 takes a block's scale. (q8 has 16 times as many steps: there the largest size decides.)
enum class ScaleRule { largest, least_error };
inline constexpr Choice<ScaleRule> kScaleRules[] = {
    {ScaleRule::largest, "largest", "the number of the largest size over -8, as llama.cpp's Q4_0"},
    {ScaleRule::least_error, "least-error", "the least squared error of a block, of some scales that are tried"},
};

// Rounds rows (n, k) or (n, k, kh, kw) of f32, which lie as `to` has them, into host memory: values, and scales where
// the format has blocks. To the nearest, half to even; q8 by the largest size in a block over 127, q4 as the rule says.
// Scales are f16, and numbers are divided by what is left of them there.
//
// Returns what the format cannot hold, empty if nothing: "a number that is not finite", "100000, more than f16 holds".
std::string round_weight(const float* numbers, const Weight& to, ScaleRule rule = ScaleRule::largest);

// What a weight in blocks that a file holds has and round_weight never writes: a scale that is not finite, or a -128.
// Empty: nothing.
std::string wrong_in_blocks(const Weight& weight);

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

// Weights that are held otherwise than the others of a model in blocks: "unet.*" stay in 16 bits, "unet.*=q8" are q8.
struct KeepRule {
  std::string pattern;                      // a shell's, of names with the part in front: "llm.lm_head.weight"
  std::optional<WeightFormat> format = {};  // q8 or q4; absent: 16 bits

  bool fits(const std::string& name) const;
  std::string str() const;
};
inline constexpr const char* kKeepRules = "PATTERN, PATTERN=q8 or PATTERN=q4";
std::optional<KeepRule> keep_rule(std::string_view text);  // nothing: it is none of kKeepRules
std::vector<std::string> strings_of(const std::vector<KeepRule>& rules);

// Whether numbers that a file holds in `stored` may be held in `wanted`: what was rounded in blocks is rounded no more,
// it stays as it is or is widened to f32, which is exact.
bool may_become(WeightFormat stored, WeightFormat wanted);

// The format of a weight of that name, where the model is in `format`. If that has blocks, kStays16 stay in 16 bits,
// and for the others the first rule that fits decides. The 16 bits are those of the activations, f16 beside f32.
WeightFormat format_of(WeightFormat format, DType activations, const std::string& part, const std::string& name,
                       const std::vector<KeepRule>& keep = {});

}  // namespace seedstory
