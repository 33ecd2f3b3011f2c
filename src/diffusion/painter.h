// From a frame's feature to its pixels.
#pragma once

#include <memory>

#include "diffusion/diffusion_model.h"
#include "model/trace.h"
#include "request/request.h"
#include "seedstory/image.h"

namespace seedstory {

// ErrorKind::usage where the networks cannot halve width or height often enough.
void check_size(const ModelConfig& config, const StoryRequest& request);

// Frames are independent: any order gives the same bytes.
class Painter {
 public:
  Painter(DiffusionModel& model, const StoryRequest& request, StoryListener& listener, Trace* trace = nullptr);
  Painter(Painter&&) noexcept;
  ~Painter();

  Image paint(const Frame& frame);  // ErrorKind::failed if the decoder's output is not finite

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedstory
