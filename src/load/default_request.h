// What a story is asked for where nobody says otherwise.
#pragma once

#include "model/model_config.h"
#include "request/request.h"

namespace seedstory {

// What the model's defaults make of it: policy, window, steps, cfg, size, sampling.
StoryRequest default_request(const ModelConfig& config);

}  // namespace seedstory
