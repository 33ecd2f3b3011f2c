// The start noise of a picture, equal to what torch.randn draws.
#pragma once

#include <cstdint>
#include <vector>

#include "request/choices.h"

namespace seedstory {

// `count` standard normal values in the order of torch's flat NCHW index. f32; the published program rounds them to
// f16.
std::vector<float> draw_noise(NoiseSource source, uint64_t seed, int64_t count);

}  // namespace seedstory
