// The configuration files of the parts, ours and the published ones, read into ModelConfig. Fields that are absent
// keep the value they have.
#pragma once

#include "load/json_fields.h"
#include "model/model_config.h"

namespace seedstory {

void read_vit_config(const JsonFields& fields, VitConfig& vit);
void read_resampler_config(const JsonFields& fields, ResamplerConfig& resampler);
void read_llama_config(const JsonFields& fields, LlamaConfig& llm);
void read_adapter_config(const JsonFields& fields, AdapterConfig& adapter);

// diffusers' config.json files. What this program does not compute is an error by name.
void read_unet_config(const JsonFields& fields, UnetConfig& unet);
void read_vae_config(const JsonFields& fields, VaeConfig& vae);
void read_scheduler_config(const JsonFields& fields, SchedulerConfig& scheduler);

void read_defaults(const JsonFields& fields, Defaults& defaults);

// Sizes that must fit each other across parts: ErrorKind::input naming both.
void check_config(const ModelConfig& config, const std::string& where);

}  // namespace seedstory
