// Sizes that the shapes of the tensors tell, and whether the sizes of a whole model fit each other.
//
// Names carry no prefix. What is wrong is an ErrorKind::input by name; every single shape is checked by the loader.
#pragma once

#include "model/model_config.h"
#include "seedstory/source.h"

namespace seedstory {

void read_vit_sizes(const TensorSource& source, VitConfig& vit);  // width, layers, mlp, patch, queries, output_dim
void read_resampler_sizes(const TensorSource& source, ResamplerConfig& resampler);  // queries, dim, kv_dim
void read_llama_sizes(const TensorSource& source, LlamaConfig& llm);                // vocab, hidden, layers, ffn
void read_adapter_sizes(const TensorSource& source, AdapterConfig& adapter);        // all but heads and dim_head

// What one network hands to the next must have the width that the next one reads.
void check_sizes(const ModelConfig& model);

// width / heads; fails where that is no number.
int64_t head_dim(const char* network, int64_t width, int64_t heads);

}  // namespace seedstory
