#include "io/image.h"

#include "catch.h"
#include "io/golden.h"
#include "io/weights_file.h"

using namespace seedstory;

namespace {

Image image_of(const Tensor& t) {
  return {.width = int(t.dim[1]), .height = int(t.dim[0]), .rgb = {t.as<uint8_t>(), t.as<uint8_t>() + t.numel()}};
}

}  // namespace

TEST_CASE("resize_bilinear equals Pillow's on the golden pictures", "[io][golden]") {
  if (!have_golden()) return;
  const auto source = open_weights(golden_dir() / "a" / "primitives.safetensors");
  int cases = 0;
  for (; const StoredTensor* input = source->find("resize." + std::to_string(cases) + ".input"); ++cases) {
    const Image expected = image_of(source->find("resize." + std::to_string(cases) + ".output")->values);
    INFO(input->values.str());
    CHECK(resize_bilinear(image_of(input->values), expected.width, expected.height).rgb == expected.rgb);
  }
  CHECK(cases == 10);
}
