// What a story does one after another, each with parts of its own.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

enum class Stage { vision, language, diffusion };
inline constexpr Choice<Stage> kStages[] = {
    {Stage::vision, "vision", "the ViT"},
    {Stage::language, "language", "the LLM and its resamplers"},
    {Stage::diffusion, "diffusion", "adapter, UNet and VAE decoder"},
};

}  // namespace seedstory
