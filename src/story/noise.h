// The start noise of a picture, equal to what torch.randn draws.
#pragma once

#include <cstdint>
#include <vector>

namespace seedstory {

enum class NoiseSource {
  torch_cuda,  // Philox4x32-10, as a CUDA generator on a data-centre GPU
  torch_cpu,   // mt19937, as a CPU generator
};

// `count` standard normal values in the order of torch's flat NCHW index. f32; the published program rounds them to
// f16.
std::vector<float> draw_noise(NoiseSource source, uint64_t seed, int64_t count);

}  // namespace seedstory
