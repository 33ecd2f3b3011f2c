// Shards under an index are one source of tensors.
#include "io/weights_file.h"

#include <numeric>

#include "catch.h"
#include "io/temp_folder.h"
#include "resident.h"

using namespace seedstory;

namespace {

// A file of f32 scalars.
std::filesystem::path write(const TempFolder& folder, std::string_view file,
                            std::initializer_list<std::pair<const char*, float>> values) {
  SafetensorsWriter writer;
  for (const auto& [name, value] : values) writer.add(name, Tensor(const_cast<float*>(&value), DType::f32, {1}));
  writer.write(folder / file);
  return folder / file;
}

using Names = std::vector<std::string>;

float value_of(const TensorSource& source, std::string_view name) {
  return *source.find(name)->values.as<float>();
}

}  // namespace

TEST_CASE("Shards are one source", "[io]") {
  const TempFolder folder;
  write(folder, "m-1.safetensors", {{"a", 1}, {"b", 2}});
  write(folder, "m-2.safetensors", {{"c", 3}});
  const auto index = folder.file("m.safetensors.index.json", R"({"metadata": {"total_size": 12}, "weight_map":
      {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}})");
  const auto source = open_sharded(index);
  CHECK(source->names() == Names{"a", "b", "c"});
  CHECK(value_of(*source, "c") == 3);
  CHECK(source->find("c")->file == (folder / "m-2.safetensors").string());
  CHECK(source->find("d") == nullptr);
  CHECK(open_sharded(folder / "m-2.safetensors")->names() == Names{"c"});
}

TEST_CASE("An index that does not fit its shards is an error", "[io]") {
  const TempFolder folder;
  write(folder, "1.safetensors", {{"a", 1}});
  write(folder, "2.safetensors", {{"a", 1}, {"b", 2}});
  const auto error = [&](std::string_view json) {
    const auto path = folder.file("x.index.json", json);
    return folder.shorten(error_of(ErrorKind::input, [&] { open_sharded(path); }));
  };
  CHECK(error("{") == "x.index.json: not valid JSON at byte 2");
  CHECK(error("{}\n{}") == "x.index.json: not valid JSON at line 2, byte 1");
  CHECK(error("{\n  \"a\": 1,\n}\n") == "x.index.json: not valid JSON at line 3, byte 1");
  CHECK(error("[]") == "x.index.json: has no object \"weight_map\"");
  CHECK(error(R"({"weight_map": 1})") == "x.index.json: has no object \"weight_map\"");
  CHECK(error(R"({"weight_map": {"a": 1}})") ==
        "x.index.json: weight_map: a is in 1, expected a file in the same folder");
  for (const char* bad : {"../1.safetensors", "/etc/passwd", "", "..", "s/1.safetensors"})
    CHECK(error(std::string(R"({"weight_map": {"a": ")") + bad + "\"}}") ==
          std::string("x.index.json: weight_map: a is in \"") + bad + "\", expected a file in the same folder");
  CHECK(error(R"({"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}})") ==
        "x.index.json: \"a\" is there twice");
  CHECK(error(R"({"weight_map": {"a": "absent.safetensors"}})") == "absent.safetensors: no such file");
  CHECK(error(R"({"weight_map": {"c": "1.safetensors"}})") ==
        "1.safetensors: c is not in it, though x.index.json says so");
  CHECK(error(R"({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})") ==
        "2.safetensors: a is also in 1.safetensors");
}

TEST_CASE("An index may name scales and types that no op reads", "[io]") {
  const TempFolder folder;
  int8_t q[1] = {1};
  uint16_t scale[1] = {0x3C00};
  SafetensorsWriter writer;
  writer.add("q", Tensor(q, DType::i8, {1}));
  writer.add("q.scale", Tensor(scale, DType::f16, {1}));
  writer.write(folder / "1.safetensors");
  const auto index =
      folder.file("x.index.json", R"({"weight_map": {"q": "1.safetensors", "q.scale": "1.safetensors"}})");
  CHECK(open_sharded(index)->names() == Names{"q"});
}

TEST_CASE("Names can be stripped, changed and hidden", "[io]") {
  const TempFolder folder;
  const std::shared_ptr<const TensorSource> inner =
      open_weights(write(folder, "1", {{"unet.a", 1}, {"unet.b", 2}, {"vae.a", 3}, {"unet.", 4}}));
  const auto unet = strip_prefix(inner, "unet.");
  CHECK(unet->names() == Names{"a", "b"});
  CHECK(value_of(*unet, "b") == 2);
  CHECK(unet->find("unet.b") == nullptr);
  const auto some = renamed(inner, [](const std::string& name) { return name[0] == 'v' ? "v" : std::string(); });
  CHECK(some->names() == Names{"v"});
  CHECK(value_of(*some, "v") == 3);
  CHECK(folder.shorten(error_of(ErrorKind::input, [&] {
    renamed(inner, [](const std::string& name) { return name.substr(name.find('.')); });
  })) == "1: two tensors would be called .a, one of them is vae.a");
}

TEST_CASE("In an overlay the upper source wins", "[io]") {
  const TempFolder folder;
  std::unique_ptr<TensorSource> both;
  {
    const std::shared_ptr<const TensorSource> above = open_weights(write(folder, "1", {{"a", 1}, {"b", 2}}));
    const std::shared_ptr<const TensorSource> below = open_weights(write(folder, "2", {{"b", 20}, {"c", 30}}));
    both = overlay(above, below);
  }  // the overlay keeps both alive
  CHECK(both->names() == Names{"a", "b", "c"});
  CHECK(value_of(*both, "a") == 1);
  CHECK(value_of(*both, "b") == 2);
  CHECK(value_of(*both, "c") == 30);
}

TEST_CASE("What is let go of a file takes no memory, and comes back", "[io]") {
  const TempFolder folder;
  std::vector<float> numbers(1 << 20);
  std::iota(numbers.begin(), numbers.end(), 1.0f);
  SafetensorsWriter writer;
  writer.add("m.a", Tensor(numbers.data(), DType::f32, {1 << 20}));
  writer.write(folder / "m.safetensors");
  const auto expect_numbers = [&](const TensorSource& source, const std::string& name) {
    const auto* there = source.find(name)->values.as<float>();
    CHECK((std::vector<float>(there, there + numbers.size()) == numbers));
  };

  const auto source = overlay(open_weights(write(folder, "other", {{"b", 2}})),
                              strip_prefix(open_weights(folder / "m.safetensors"), "m."));
  expect_numbers(*source, "a");
  const Tensor& a = source->find("a")->values;
  CHECK(resident_bytes(folder / "m.safetensors") >= a.bytes());
  source->let_go(a.data, a.bytes());
  CHECK(resident_bytes(folder / "m.safetensors") == 0);
  expect_numbers(*source, "a");
}

TEST_CASE("What a source had to copy is not let go", "[io]") {
  const TempFolder folder;
  std::string data(1 << 20, '\7'),
      header = R"({"a": {"dtype": "F32", "shape": [262144], "data_offsets": [0, 1048576]}})";
  while (header.size() % 4 != 1) header += ' ';
  const uint64_t length = header.size();
  const auto source = open_weights(
      folder.file("m.safetensors", std::string(reinterpret_cast<const char*>(&length), 8) + header + data));
  const Tensor& a = source->find("a")->values;
  source->let_go(a.data, a.bytes());
  CHECK((std::string(static_cast<const char*>(a.data), data.size()) == data));
}
