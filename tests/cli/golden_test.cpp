// The commands of the golden values' README, as written there, through the program; what --trace writes is held
// against the reference at the limits that README states.
#include "golden.h"

#include <fmt/format.h>

#include <cmath>

#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

void expect_close(const std::string& name, const Tensor& expected, const Tensor& got) {
  INFO(name << ": " << got.str() << ", expected " << expected.str());
  REQUIRE(got.numel() == expected.numel());
  if (expected.dtype == DType::f32) {
    CHECK(relative_error(expected, got.as<float>()) <= golden_limit(name));
    return;
  }
  const EqualPixels pixels = equal_pixels(expected, got);
  UNSCOPED_INFO(pixels.equal << " equal, " << pixels.near << " within 1");
  CHECK(pixels.is_close());
}

// Every expected tensor whose name begins with one of these is there and close.
void expect_trace(const Workdir& desk, const std::string& file, const std::vector<std::string>& prefixes) {
  const auto expected = open_weights(golden_dir() / "expected.safetensors");
  const auto got = open_weights(desk / file);
  int checked = 0;
  for (const std::string& name : expected->names()) {
    const auto begins = [&](const std::string& prefix) { return name.starts_with(prefix); };
    if (std::none_of(prefixes.begin(), prefixes.end(), begins)) continue;
    ++checked;
    const StoredTensor* found = got->find(name);
    INFO(name << " is not in the trace");
    REQUIRE(found);
    expect_close(name, expected->find(name)->values, found->values);
  }
  CHECK(checked > 0);
}

void expect_ids(const Workdir& desk, const std::string& file, const char* what) {
  const auto expected = nlohmann::json::parse(read_text_file(golden_dir() / "expected.json"))[what];
  const auto calls = desk.json(file)["calls"];
  REQUIRE(calls.size() == expected.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    INFO("call " << i + 1);
    CHECK(calls[i]["context"] == expected[i]["context"]);
    CHECK(calls[i]["generated"] == expected[i]["generated"]);
  }
}

std::string model_and_start() {
  return " --model " + quoted((golden_dir() / "pretrained").string()) + " --image " +
         quoted((golden_dir() / "start.png").string());
}

}  // namespace

TEST_CASE("Golden: generate, tensor by tensor and id by id") {
  if (!have_golden()) return;
  const Workdir desk;
  const Run run = desk.shell("seedstory generate" + model_and_start() +
                             " --prompt \"Mia the fox finds a red lantern in the snowy wood. Snow falls.\""
                             " --frames 6 --window 3 --policy window --rng torch-cpu --seed 42 --steps 50 --type f32"
                             " --trace got.safetensors -o out");
  INFO(run.err);
  REQUIRE(run.code == 0);
  expect_trace(desk, "got.safetensors",
               {"vit.", "input_resampler.", "generate.", "adapter.", "unet.", "denoise.", "vae.latent", "vae.decoded",
                "frame1"});
  expect_ids(desk, "got.safetensors.json", "generate");
}

TEST_CASE("Golden: visualize with the published program's slips") {
  if (!have_golden()) return;
  const Workdir desk;
  const auto expected = nlohmann::json::parse(read_text_file(golden_dir() / "expected.json"));
  desk.write("captions.json", expected["captions"].dump());
  const Run run = desk.shell("seedstory visualize" + model_and_start() +
                             " --captions captions.json --frames 5 --window 3 --policy compat_vis --rng torch-cpu"
                             " --seed 42 --steps 1 --type f32 --trace v.safetensors -o out2");
  INFO(run.err);
  REQUIRE(run.code == 0);
  expect_trace(desk, "v.safetensors", {"visualize."});
  expect_ids(desk, "v.safetensors.json", "visualize");
}

TEST_CASE("Golden: a second frame in 20 steps") {
  if (!have_golden()) return;
  const Workdir desk;
  const Run run = desk.shell("seedstory generate" + model_and_start() +
                             " --prompt \"Mia the fox finds a red lantern in the snowy wood. Snow falls.\""
                             " --frames 2 --window 3 --policy window --rng torch-cpu --steps 20 --type f32"
                             " -o out");
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto expected = open_weights(golden_dir() / "expected.safetensors");
  Image frame = read_image(desk / "out/002.png");
  expect_close("frame2_20steps.rgb", expected->find("frame2_20steps.rgb")->values,
               Tensor(frame.rgb.data(), DType::u8, {frame.height, frame.width, 3}));
}
