#include "story/schedule.h"

#include <nlohmann/json.hpp>

#include "golden.h"
#include "io/file.h"

using namespace seedstory;

TEST_CASE("fifty steps have SDXL's timesteps and sigmas", "[schedule]") {
  const Schedule s = make_schedule({}, 50);
  CHECK(s.timesteps.front() == 981);
  CHECK(s.timesteps.back() == 1);
  REQUIRE(s.sigmas.size() == 51);
  const std::pair<int, double> known[] = {
      {0, 13.120411}, {1, 11.676046}, {25, 1.519217}, {48, 0.141463}, {49, 0.041314}};
  for (const auto& [step, sigma] : known) CHECK(std::abs(s.sigmas[step] - sigma) < 1e-6 * std::max(1.0, sigma));
  CHECK(s.sigmas[50] == 0);
  CHECK(std::abs(s.init_noise_sigma - 13.158469) < 1e-5);
}

TEST_CASE("steps outside the training schedule are a usage error", "[schedule]") {
  CHECK_THROWS_WITH(make_schedule({}, 0), "--steps: 0 came, expected 1 to 1000");
  CHECK_THROWS_WITH(make_schedule({}, 1001), "--steps: 1001 came, expected 1 to 1000");
  CHECK(make_schedule({}, 1000).timesteps.front() == 1000);  // as diffusers: one past the last trained
}

TEST_CASE("timesteps and sigmas equal diffusers'", "[schedule][golden]") {
  if (!have_golden()) return;
  const auto golden = open_weights(golden_dir() / "primitives.safetensors");
  const auto numbers = nlohmann::json::parse(read_text_file(golden_dir() / "primitives.json"));
  for (int steps : {1, 4, 8, 20, 30, 50}) {
    const Schedule s = make_schedule({}, steps);
    const std::string name = fmt::format("euler.{}.", steps);
    INFO(name);
    CHECK(relative_error(golden_tensor(*golden, name + "timesteps"), s.timesteps.data()) == 0);
    CHECK(relative_error(golden_tensor(*golden, name + "sigmas"), s.sigmas.data()) <= 1e-5);
    CHECK(std::abs(s.init_noise_sigma / numbers.at(name + "init_noise_sigma").get<double>() - 1) <= 1e-5);
  }
}
