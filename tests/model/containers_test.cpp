// Numbers out of every container that weights come in.
#include "cpu/cpu_backend.h"
#include "io/temp_folder.h"
#include "made_model.h"
#include "model/quantize.h"
#include "model/weights.h"
#include "reference.h"
#include "resident.h"

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

TEST_CASE("A file's numbers are in memory once while a model is loaded", "[model]") {
  constexpr int64_t n = 1024, k = 1024, r = 512;
  const TempFolder folder;
  std::vector<float> numbers = made_values(n * k, 1), a = made_values(r * k, 2), b = made_values(n * r, 3);
  std::vector<char> memory(2 * n * k);
  const int64_t shape[] = {n, k};
  const Weight q8(memory.data(), WeightFormat::q8, shape, 2);
  REQUIRE(round_weight(numbers.data(), q8).empty());
  SafetensorsWriter writer;
  for (const char* name : {"plain.weight", "turned", "merged.weight"})
    writer.add(name, Tensor(numbers.data(), DType::f32, {n, k}));
  writer.add("merged.lora_A.default.weight", Tensor(a.data(), DType::f32, {r, k}));
  writer.add("merged.lora_B.default.weight", Tensor(b.data(), DType::f32, {n, r}));
  writer.add("blocks", q8.values);
  writer.add("blocks.scale", q8.scales);
  writer.write(folder / "m.safetensors", {}, {{"blocks", blocks_text(WeightFormat::q8)}});

  const auto file = open_weights(folder / "m.safetensors");
  const auto backend = make_cpu_backend(2);
  for (const WeightFormat format : {WeightFormat::f32, WeightFormat::q8}) {
    Weight plain, merged, blocks;
    Tensor turned;
    WeightTable table;
    table.add(plain, {"plain.weight", {n, k}}, WeightUse::linear);
    table.add(turned, Stored{.name = "turned", .shape = {n, k}, .transposed = true});
    table.add(merged, {"merged.weight", {n, k}}, WeightUse::linear);
    table.add(blocks, {"blocks", {n, k}}, WeightUse::linear);
    const WeightBlock block =
        WeightLoader(*backend, *file, "made", {.types = {.weights = format}, .lora_alpha = 1.0}).load(table);
    INFO(name_of(format));
    // Of 17 MiB: the header, and what the system maps round it.
    CHECK(resident_bytes(folder / "m.safetensors") < 256 << 10);
  }
}
