// LoRA as peft 0.4 stores it, merged when a tensor is read.
#pragma once

#include <memory>

#include "seedstory/source.h"

namespace seedstory {

// The LLM of a peft checkpoint under its plain names. `inner` has names such as
// "model.layers.0.mlp.up_proj.lora_A.default.weight" (the prefix "llm.base_model.model." already stripped);
// modules_to_save.default is the trained copy of a norm and is taken, original_module is hidden. The LoRA factors keep
// their names: the loader looks for them beside each weight. A file without any of this passes through unchanged.
std::unique_ptr<TensorSource> plain_peft_names(std::shared_ptr<const TensorSource> inner);

// The factors of one weight: W' = W + alpha / r * B A, A (r, k), B (n, r). Null pointers where there are none.
struct LoraFactors {
  const StoredTensor* a = nullptr;
  const StoredTensor* b = nullptr;
};
LoraFactors find_lora(const TensorSource& source, const std::string& weight_name);

// w (n, k) += alpha / r * B A, in f32.
void merge_lora(const LoraFactors& factors, double alpha, float* w, int64_t n, int64_t k);

}  // namespace seedstory
