// LoRA as peft stores it, merged when a weight is read.
#pragma once

#include <memory>

#include "model/weights.h"

namespace seedstory {

// The tensors of a peft checkpoint under the plain names of its model. `inner` has names such as
// "model.layers.0.mlp.up_proj.lora_A.default.weight" (the prefix "llm.base_model.model." already stripped).
// modules_to_save.default is the trained copy of a norm and is taken, original_module is hidden. The LoRA factors keep
// their names, and the loader looks for them beside each weight. A file without any of this passes through unchanged.
std::unique_ptr<TensorSource> plain_peft_names(std::shared_ptr<const TensorSource> inner);

// The factors A (r, k) and B (n, r) of a weight (n, k), as they must be stored. Empty where the source has neither.
std::vector<Stored> lora_factors(const TensorSource& source, const Stored& weight);

// w (count, k), which is rows [first, first + count) of a weight, += alpha / r * B A, in f32, if the source has factors
// for the weight of that name.
void merge_lora(const TensorSource& source, const std::string& weight, double alpha, float* w, int64_t first,
                int64_t count, int64_t k);

}  // namespace seedstory
