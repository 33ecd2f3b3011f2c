// Noise with the bits of torch's generators.
#include "diffusion/noise.h"

#include "golden.h"

using namespace seedstory;

TEST_CASE("Philox noise has the values that torch's CUDA generator is known for", "[noise]") {
  // Section 20 of the specification, as many digits as are known.
  const auto seed42 = draw_noise(NoiseSource::torch_cuda, 42, 65536),
             seed0 = draw_noise(NoiseSource::torch_cuda, 0, 10);
  const double expected42[] = {0.194019, 2.161374, -0.172051, 0.849060, -1.9244,
                               0.6530,   -0.6494,  -0.8175,   0.5280,   -1.2753};
  const double expected0[] = {-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631};
  for (int i = 0; i < 10; ++i) {
    CHECK(std::abs(seed42[i] - expected42[i]) < (i < 4 ? 1e-6 : 6e-5));
    CHECK(std::abs(seed0[i] - expected0[i]) < 6e-5);
  }
  CHECK(std::abs(seed42[65535] - 0.380742) < 1e-6);
}

TEST_CASE("the high half of a seed changes Philox noise and not torch's CPU noise", "[noise]") {
  const uint64_t low = 7, high = low | uint64_t(1) << 40;
  CHECK(draw_noise(NoiseSource::torch_cuda, low, 4) != draw_noise(NoiseSource::torch_cuda, high, 4));
  CHECK(draw_noise(NoiseSource::torch_cpu, low, 20) == draw_noise(NoiseSource::torch_cpu, high, 20));
}

TEST_CASE("noise equals torch's CPU generator", "[noise][golden]") {
  if (!have_golden()) return;
  const auto golden = open_weights(golden_dir() / "primitives.safetensors");
  int checked = 0;
  for (const std::string& name : golden->names()) {
    if (name.rfind("randn.torch_cpu.", 0) != 0) continue;
    const uint64_t seed = std::stoull(name.substr(16));
    const Tensor expected = golden_tensor(*golden, name);
    const auto got = draw_noise(NoiseSource::torch_cpu, seed, expected.numel());
    double worst = 0;
    for (int64_t i = 0; i < expected.numel(); ++i)
      worst = std::max(worst, std::abs(double(got[i]) - expected.as<float>()[i]));
    INFO(name);
    CHECK(worst <= 2e-6);
    ++checked;
  }
  CHECK(checked == 9);
}
