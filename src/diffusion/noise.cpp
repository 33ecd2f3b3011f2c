// torch's generators: Philox as its CUDA kernel uses it, mt19937 as its CPU code does.
#include "diffusion/noise.h"

#include <array>
#include <cmath>
#include <numbers>
#include <random>

namespace seedstory {
namespace {

// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3": Philox4x32 with 10 rounds.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * counter[0], b = uint64_t(0xCD9E8D57u) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ key0, uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ key1, uint32_t(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// torch's CUDA kernel gives each thread one element as long as there are enough threads, and each thread the first of
// the four normals of its own counter.
std::vector<float> torch_cuda(uint64_t seed, int64_t count) {
  constexpr float kScale = 0x1p-32f, kHalf = 0x1p-33f, kTwoPi = float(2 * std::numbers::pi);
  std::vector<float> out(count);
  for (int64_t i = 0; i < count; ++i) {
    const auto words = philox({0, 0, uint32_t(i), uint32_t(uint64_t(i) >> 32)}, uint32_t(seed), uint32_t(seed >> 32));
    const float u = float(words[0]) * kScale + kHalf;
    const float v = (float(words[1]) * kScale + kHalf) * kTwoPi;
    out[i] = std::sqrt(-2 * std::log(u)) * std::sin(v);
  }
  return out;
}

// Box-Muller on 16 uniform numbers: the first 8 give radii, the last 8 angles.
void normal_block(float* u) {
  for (int j = 0; j < 8; ++j) {
    const float radius = std::sqrt(-2 * std::log(1 - u[j]));
    const float angle = float(2 * std::numbers::pi) * u[j + 8];
    u[j] = radius * std::cos(angle);
    u[j + 8] = radius * std::sin(angle);
  }
}

std::vector<float> torch_cpu(uint64_t seed, int64_t count) {
  std::mt19937 random{uint32_t(seed)};
  std::vector<float> out(count);
  if (count >= 16) {
    const auto uniform = [&] { return float(random() & 0xffffff) * 0x1p-24f; };
    for (float& u : out) u = uniform();
    for (int64_t i = 0; i + 16 <= count; i += 16) normal_block(&out[i]);
    if (count % 16 != 0) {  // the last block is drawn anew and overlaps the one before
      float* tail = &out[count - 16];
      for (int j = 0; j < 16; ++j) tail[j] = uniform();
      normal_block(tail);
    }
    return out;
  }
  const auto uniform53 = [&] {
    const uint64_t high = random(), low = random();
    return double((high << 32 | low) & ((uint64_t(1) << 53) - 1)) * 0x1p-53;
  };
  for (int64_t i = 0; i < count; i += 2) {
    const double u1 = uniform53(), u2 = uniform53();
    const double radius = std::sqrt(-2 * std::log1p(-u2)), angle = 2 * std::numbers::pi * u1;
    out[i] = float(radius * std::cos(angle));
    if (i + 1 < count) out[i + 1] = float(radius * std::sin(angle));
  }
  return out;
}

}  // namespace

std::vector<float> draw_noise(NoiseSource source, uint64_t seed, int64_t count) {
  return source == NoiseSource::torch_cuda ? torch_cuda(seed, count) : torch_cpu(seed, count);
}

}  // namespace seedstory
