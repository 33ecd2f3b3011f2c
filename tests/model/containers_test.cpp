// Numbers out of every container that weights come in.
#include "model/weights.h"
#include "reference.h"

using namespace seedstory;

namespace {

void expect_numbers(const TensorSource& source, const std::vector<std::string>& names) {
  const auto expected = open_weights(reference_file("containers/expected.safetensors"));
  for (const std::string& name : names) {
    INFO(name);
    const StoredTensor *got = source.find(name), *want = expected->find(name);
    REQUIRE(got);
    REQUIRE(want);
    CHECK(shape_of(got->values) == shape_of(want->values));
    std::vector<float> numbers(size_t(got->values.numel()));
    to_f32(*got, 0, got->values.numel(), numbers.data());
    const float* exact = want->values.as<float>();
    CHECK(numbers == std::vector<float>(exact, exact + want->values.numel()));
  }
}

}  // namespace

TEST_CASE("a torch file's views have their own offset, shape and strides", "[model][reference]") {
  const auto file = open_weights(reference_file("containers/shared.pt"));
  CHECK(file->names().size() == 11);  // _metadata is not a tensor
  expect_numbers(*file, file->names());
  // The first ones do share a storage: 5 numbers of something else, then three rows of four.
  const auto *first = file->find("block.0.weight"), *second = file->find("block.1.weight");
  CHECK(second->values.as<float>() - first->values.as<float>() == 12);
  CHECK(file->find("transposed")->values.stride[0] == 1);
  CHECK(file->find("every_other")->values.stride[1] == 2);
}

TEST_CASE("shards of f16 and bf16 are one source", "[model][reference]") {
  const auto safetensors = open_sharded(reference_file("containers/model.safetensors.index.json"));
  CHECK(safetensors->names() == std::vector<std::string>{"a", "b", "c", "d"});
  expect_numbers(*safetensors, safetensors->names());
  CHECK(safetensors->find("a")->values.dtype == DType::f16);
  CHECK(safetensors->find("c")->values.dtype == DType::bf16);

  const auto torch = open_sharded(reference_file("containers/pytorch_model.bin.index.json"));
  expect_numbers(*torch, {"transformer.visual.a", "transformer.visual.b", "lm_head"});
}
