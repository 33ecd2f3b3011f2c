// Field by field from model.json's "defaults".
#include "load/default_request.h"

namespace seedstory {

StoryRequest default_request(const ModelConfig& config) {
  const Defaults& d = config.defaults;
  StoryRequest request;
  request.policy = d.policy;
  request.window = d.window;
  request.steps = d.steps;
  request.cfg = d.cfg;
  request.width = d.width;
  request.height = d.height;
  request.sampling.temperature = float(d.temperature);
  request.sampling.top_k = int(d.top_k);
  request.sampling.top_p = float(d.top_p);
  request.sampling.min_p = float(d.min_p);
  return request;
}

}  // namespace seedstory
