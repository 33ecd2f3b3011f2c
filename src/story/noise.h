// The start noise of a picture, equal to what torch.randn draws.
#pragma once

#include <cstdint>
#include <vector>

#include "seedstory/choice.h"

namespace seedstory {

enum class NoiseSource { torch_cuda, torch_cpu };
inline constexpr Choice<NoiseSource> kNoiseSources[] = {
    {NoiseSource::torch_cuda, "torch-cuda", "Philox4x32-10, as torch's CUDA generator on a data-centre GPU"},
    {NoiseSource::torch_cpu, "torch-cpu", "mt19937, as torch's CPU generator"},
};

// `count` standard normal values in the order of torch's flat NCHW index. f32; the published program rounds them to
// f16.
std::vector<float> draw_noise(NoiseSource source, uint64_t seed, int64_t count);

}  // namespace seedstory
