// Sizes that the shapes of the tensors tell. The rest (heads, eps, the picture's size) stands in a config file. Names
// carry no prefix. A missing tensor is an ErrorKind::input by name; the loader checks all shapes later.
#pragma once

#include "model/config.h"
#include "seedstory/source.h"

namespace seedstory {

void read_vit_sizes(const TensorSource& source, VitConfig& vit);  // width layers mlp patch queries out
void read_resampler_sizes(const TensorSource& source, ResamplerConfig& resampler);  // queries dim kv_dim
void read_llama_sizes(const TensorSource& source, LlamaConfig& llm);                // vocab hidden layers ffn
void read_adapter_sizes(const TensorSource& source, AdapterConfig& adapter);        // all but heads and dim_head

}  // namespace seedstory
