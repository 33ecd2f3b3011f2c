// The story's two halves over an engine. A stage's parts are there when its half is made (Engine::enter).
#pragma once

#include "diffusion/painter.h"
#include "language/storyteller.h"
#include "story/engine.h"

namespace seedstory {

// Encodes the request's picture, if there is one.
Storyteller make_storyteller(Engine& engine, const StoryRequest& request, StoryListener& listener,
                             Trace* trace = nullptr);

Painter make_painter(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace = nullptr);

}  // namespace seedstory
