// What a story does one after another, each with parts of its own.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

enum class Stage { vision, language, diffusion };
inline constexpr Choice<Stage> kStages[] = {
    {Stage::vision, "vision", "ViT"},
    {Stage::language, "language", "LLM, resamplers"},
    {Stage::diffusion, "diffusion", "adapter, UNet, VAE"},
};

}  // namespace seedstory
