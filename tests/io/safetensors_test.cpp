// Safetensors files, whole and broken.
#include <fmt/format.h>

#include <cstring>

#include "catch.h"
#include "golden.h"
#include "io/file.h"
#include "io/temp_folder.h"
#include "io/weights_file.h"

using namespace seedstory;

namespace {

std::string with_length(uint64_t length, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&length), 8) + rest;
}

// A file of this header and so many zero bytes of data.
std::string safetensors(std::string header, size_t data_bytes) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}

std::string open_error(std::string_view bytes) {
  const TempFolder folder;
  const auto path = folder.file("x", bytes);
  return folder.shorten(error_of(ErrorKind::input, [&] { open_weights(path); }));
}

std::string header_error(const std::string& header, size_t data_bytes) {
  return open_error(safetensors(header, data_bytes));
}

std::string unread(const TensorSource& source) {
  std::string text;
  for (const auto& [name, t] : source.unread()) text += fmt::format("{} {} {}, ", name, t.str(), t.bytes);
  return text;
}

std::string tensor(std::string name, std::string dtype, std::string shape, std::string offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("What the writer wrote, the reader reads", "[io]") {
  const TempFolder folder;
  float f[6] = {1, 2, 3, 4, 5, 6};
  uint16_t h[3] = {1, 2, 3};
  int32_t i[2] = {-1, 7};
  int8_t q[33] = {5, -5};
  uint16_t scale[2] = {0x3C00, 0x4000};
  uint8_t u[5] = {9, 8, 7, 6, 5};
  SafetensorsWriter writer;
  writer.add("z.weight", Tensor(f, DType::f32, {2, 3}));
  writer.add("a.odd", Tensor(u, DType::u8, {5}));
  writer.add("b", Tensor(h, DType::bf16, {3}));
  writer.add("c", Tensor(h, DType::f16, {1, 3, 1}));
  writer.add("d", Tensor(i, DType::i32, {2}));
  writer.add("q", Tensor(q, DType::i8, {3, 11}));
  writer.add("q.scale", Tensor(scale, DType::f16, {2}));
  writer.add("none", Tensor(f, DType::f32, {0, 4}));
  writer.write(folder / "w.safetensors");

  const auto source = open_weights(folder / "w.safetensors");
  CHECK(source->names() == std::vector<std::string>{"a.odd", "b", "c", "d", "none", "q", "z.weight"});
  CHECK(source->find("z.weight")->values.str() == "f32(2, 3)");
  CHECK(std::memcmp(source->find("z.weight")->values.data, f, sizeof f) == 0);
  CHECK(source->find("c")->values.str() == "f16(1, 3, 1)");
  CHECK(source->find("d")->values.as<int32_t>()[1] == 7);
  CHECK(source->find("none")->values.str() == "f32(0, 4)");
  CHECK(source->find("q")->values.as<int8_t>()[1] == -5);
  CHECK(source->find("q")->scale.str() == "f16(2)");
  CHECK(!source->find("b")->scale);
  CHECK(source->find("b")->file == (folder / "w.safetensors").string());
  CHECK(source->find("q.scale") == nullptr);
  CHECK(source->find("other") == nullptr);
  for (const std::string& name : source->names()) {
    const Tensor& t = source->find(name)->values;
    CHECK(reinterpret_cast<uintptr_t>(t.data) % size_t(size_of(t.dtype)) == 0);
  }
  const std::string bytes = read_text_file(folder / "w.safetensors");
  writer.write(folder / "again.safetensors");
  CHECK(read_text_file(folder / "again.safetensors") == bytes);
}

TEST_CASE("The writer copies no tensor", "[io]") {
  const TempFolder folder;
  float f[2] = {1, 2};
  SafetensorsWriter writer;
  writer.add("a", Tensor(f, DType::f32, {2}));
  f[1] = 3;
  writer.write(folder / "w");
  CHECK(open_weights(folder / "w")->find("a")->values.as<float>()[1] == 3);
}

TEST_CASE("The writer says what it cannot write", "[io]") {
  float f[6] = {};
  SafetensorsWriter writer;
  const auto add_error = [&](const std::string& name, const Tensor& t) {
    return error_of(ErrorKind::failed, [&] { writer.add(name, t); });
  };
  writer.add("a", Tensor(f, DType::f32, {6}));
  CHECK(add_error("a", Tensor(f, DType::f32, {6})) == "SafetensorsWriter: a is there already");
  CHECK(add_error("b", Tensor()) == "SafetensorsWriter: b is absent");
  CHECK(add_error("c", Tensor(f, DType::f32, {2, 3}).slice(1, 0, 2)) ==
        "SafetensorsWriter: c is f32(2, 2) with gaps, expected a contiguous tensor");
  CHECK(add_error("__metadata__", Tensor(f, DType::f32, {6})) ==
        "SafetensorsWriter: __metadata__ is not a tensor's name");
  CHECK(error_of(ErrorKind::input, [&] { writer.write("/nowhere/w.safetensors"); }) ==
        "/nowhere/w.safetensors: cannot be written: no such folder");
  writer.add("\xFF", Tensor(f, DType::f32, {6}));
  const TempFolder folder;
  CHECK(error_of(ErrorKind::failed, [&] { writer.write(folder / "w"); }) ==
        "safetensors: a tensor's name is not UTF-8");
}

TEST_CASE("Types that no op reads are read past, scalars have one axis", "[io]") {
  const TempFolder folder;
  const auto path = folder.file(
      "x", safetensors("{\"__metadata__\":{\"format\":\"pt\"}," + tensor("n", "I64", "[]", "[0,8]") + "," +
                           tensor("s", "F32", "[]", "[8,12]") + "," + tensor("t", "BOOL", "[4]", "[12,16]") + "}",
                       16));
  const auto source = open_weights(path);
  CHECK(source->names() == std::vector<std::string>{"s"});
  CHECK(source->find("s")->values.str() == "f32(1)");
  CHECK(unread(*source) == "n I64() 8, t BOOL(4) 4, ");
}

TEST_CASE("No type of the format's library refuses a file, nor many axes, nor null metadata", "[io]") {
  struct {
    const char* type;
    int64_t bits;
  } types[] = {{"C64", 64},        {"F64", 64},    {"I64", 64},    {"U64", 64},    {"U32", 32},    {"I16", 16},
               {"U16", 16},        {"BOOL", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
               {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},      {"I8", 8}};
  const TempFolder folder;
  for (const auto& [type, bits] : types) {
    INFO(type);
    const int64_t bytes = bits * 8 / 8, end = bytes + 4;
    const std::string header = "{\"__metadata__\":null," +
                               tensor("a", type, "[2,4]", "[0," + std::to_string(bytes) + "]") + "," +
                               tensor("w", "F32", "[1]", fmt::format("[{},{}]", bytes, end)) + "}";
    const auto source = open_weights(folder.file("x", safetensors(header, size_t(end))));
    CHECK(source->names() == std::vector<std::string>{"w"});
    CHECK(unread(*source) == fmt::format("a {}(2, 4) {}, ", type, bytes));
  }
  const auto deep = open_weights(folder.file("x", safetensors("{" + tensor("a", "F32", "[1,1,1,1,1,2]", "[0,8]") + "," +
                                                                  tensor("w", "F32", "[1]", "[8,12]") + "}",
                                                              12)));
  CHECK(deep->names() == std::vector<std::string>{"w"});
  CHECK(unread(*deep) == "a F32(1, 1, 1, 1, 1, 2) 8, ");
  CHECK(header_error("{" + tensor("a", "F4", "[3]", "[0,2]") + "}", 2) ==
        "x: a: 12 bits of data, expected whole bytes");
}

TEST_CASE("Data at an odd address is copied to an even one", "[io]") {
  const TempFolder folder;
  std::string bytes = with_length(0, "{" + tensor("s", "F32", "[1]", "[0,4]") + "}");
  while (bytes.size() % 8 != 3) bytes += ' ';
  const uint64_t length = bytes.size() - 8;
  std::memcpy(bytes.data(), &length, 8);
  const float value = 1.5f;
  bytes.append(reinterpret_cast<const char*>(&value), 4);
  const auto source = open_weights(folder.file("x", bytes));
  const float* data = source->find("s")->values.as<float>();
  CHECK(reinterpret_cast<uintptr_t>(data) % 4 == 0);
  CHECK(*data == value);
}

TEST_CASE("A broken safetensors file is an error that names file and tensor", "[io]") {
  const std::string one = tensor("a", "F32", "[2]", "[0,8]");
  CHECK(open_error("") == "x: neither a safetensors file nor a torch zip archive");
  CHECK(open_error("{}") == "x: neither a safetensors file nor a torch zip archive");
  CHECK(open_error("not weights at all") == "x: neither a safetensors file nor a torch zip archive");
  CHECK(open_error("version https://git-lfs.github.com/spec/v1\noid sha256:1\n") ==
        "x: a git-lfs pointer, not the weights themselves; fetch them with `git lfs pull`");
  CHECK(open_error(with_length(100'000'001, "{}")) == "x: header of 100000001 bytes, at most 100000000 are supported");
  CHECK(open_error(with_length(~uint64_t(0), "{}")) ==
        "x: header of 18446744073709551615 bytes, at most 100000000 are supported");
  CHECK(open_error(with_length(11, "{}")) == "x: header of 11 bytes in a file of 10");
  CHECK(header_error("{\"a\":", 0) == "x: header: not valid JSON at byte 9");
  CHECK(header_error("{" + one + "}}", 8).starts_with("x: header: not valid JSON at byte "));
  CHECK(header_error("{\"a\":[[[[1]]]]}", 0) == "x: header: nested deeper than 3 levels");
  CHECK(header_error("{" + one + "," + one + "}", 8) == "x: header: \"a\" is there twice");
  CHECK(header_error("{\"__metadata__\":{\"a\":1}}", 0) == "x: __metadata__ is not an object of strings");
  CHECK(header_error("{\"a\":3}", 0) == "x: a: has no \"dtype\"");
  CHECK(header_error("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0) == "x: a: has no \"data_offsets\"");
}

TEST_CASE("Dtype, shape and data_offsets are checked against each other", "[io]") {
  const auto error = [](std::string dtype, std::string shape, std::string offsets) {
    return header_error("{" + tensor("a", dtype, shape, offsets) + "}", 8);
  };
  CHECK(error("F32", "[2]", "[0,8]") == "no error");
  CHECK(error("F31", "[2]", "[0,8]") == "x: a: unknown dtype \"F31\"");
  CHECK(error("F32", "3", "[0,8]") == "x: a: shape is number, expected a list");
  CHECK(error("F32", "[-2]", "[0,8]") == "x: a: shape has -2, expected a whole number from 0 to 2^63 - 1");
  CHECK(error("F32", "[2.0]", "[0,8]") == "x: a: shape has 2.0, expected a whole number from 0 to 2^63 - 1");
  CHECK(error("F32", "[18446744073709551615]", "[0,8]") ==
        "x: a: shape has 18446744073709551615, expected a whole number from 0 to 2^63 - 1");
  CHECK(error("F32", "[1,1,1,1,1,3]", "[0,8]") == "x: a: 8 bytes of data, F32(1, 1, 1, 1, 1, 3) needs 12");
  CHECK(error("F32", "[4294967296,4294967296]", "[0,8]") == "x: a: shape has too many elements");
  CHECK(error("F32", "[2]", "[0]") == "x: a: data_offsets is [0], expected [begin, end]");
  CHECK(error("F32", "[2]", "[-8,0]") == "x: a: data_offsets has -8, expected a whole number from 0 to 2^63 - 1");
  CHECK(error("F32", "[2]", "[8,0]") == "x: a: data_offsets are [8, 0), the file has 8 bytes of data");
  CHECK(error("F32", "[3]", "[0,12]") == "x: a: data_offsets are [0, 12), the file has 8 bytes of data");
  CHECK(error("F32", "[3]", "[0,8]") == "x: a: 8 bytes of data, F32(3) needs 12");
  CHECK(error("F32", "[1]", "[0,4]") == "x: 8 bytes of data, the tensors have 4");
  CHECK(error("F32", "[1]", "[4,8]") == "x: a: data begins at 4, past the end of the tensor before it at 0");
}

TEST_CASE("Tensors must not overlap or leave gaps", "[io]") {
  const auto error = [](std::string first, std::string second) {
    return header_error("{" + tensor("a", "U8", "[4]", first) + "," + tensor("b", "U8", "[4]", second) + "}", 10);
  };
  CHECK(error("[0,4]", "[2,6]") == "x: b: data begins at 2, before the end of the tensor before it at 4");
  CHECK(error("[6,10]", "[0,4]") == "x: a: data begins at 6, past the end of the tensor before it at 4");
}

TEST_CASE("The scale of an i8 tensor must fit it", "[io]") {
  const std::string q = tensor("q", "I8", "[3,11]", "[0,33]");
  const auto error = [&](std::string scale, size_t bytes) { return header_error("{" + q + scale + "}", 33 + bytes); };
  CHECK(error("," + tensor("q.scale", "F16", "[1]", "[33,35]"), 2) == "x: q.scale is f16(1), expected f16(2)");
  CHECK(error("," + tensor("q.scale", "F32", "[2]", "[33,41]"), 8) == "x: q.scale is f32(2), expected f16(2)");
  CHECK(error("," + tensor("q.scale", "F16", "[2]", "[33,37]"), 4) == "no error");
}

TEST_CASE("Weights in blocks are what the metadata says they are", "[io]") {
  const TempFolder folder;
  std::vector<int8_t> q8(2 * 64 * 3, 5);
  std::vector<uint8_t> q4(2 * 16, 0x8f);
  std::vector<uint16_t> scales(12, 0x3C00);
  SafetensorsWriter writer;
  writer.add("a", Tensor(q8.data(), DType::i8, {2, 64, 1, 3}));
  writer.add("a.scale", Tensor(scales.data(), DType::f16, {2, 2, 1, 3}));
  writer.add("b", Tensor(q4.data(), DType::u8, {2, 16}));
  writer.add("b.scale", Tensor(scales.data(), DType::f16, {2, 1}));
  writer.write(folder / "w", {},
               {{"a", blocks_text(WeightFormat::q8)}, {"b", blocks_text(WeightFormat::q4, 0.0481)}, {"format", "pt"}});
  CHECK(blocks_text(WeightFormat::q4, 0.0481) == "q4, blocks of 32, relative RMS error 4.810e-02");
  const auto source = open_weights(folder / "w");
  CHECK(source->names() == std::vector<std::string>{"a", "b"});
  CHECK(source->find("a")->weight().str() == "q8(2, 64, 1, 3)");
  CHECK(source->find("a")->scale.str() == "f16(2, 2, 1, 3)");
  CHECK(!source->find("a")->rms_error);
  CHECK(source->find("b")->weight().str() == "q4(2, 32)");
  CHECK(source->find("b")->rms_error == 0.0481);
  CHECK(source->find("b")->has_blocks());
}

TEST_CASE("Blocks that do not fit their weight are an error with its name", "[io]") {
  // Of a weight "q" and of its scale, each with its type, its shape and its bytes.
  struct Part {
    std::string type, shape;
    int64_t bytes;
  };
  const auto error = [](const std::string& words, const Part& q, const Part& scale) {
    std::string header = "{\"__metadata__\":{\"q\":\"" + words + "\"}";
    int64_t end = 0;
    for (const auto& [name, part] : {std::pair("q", q), {"q.scale", scale}})
      if (!part.type.empty()) {
        header += "," + tensor(name, part.type, part.shape, fmt::format("[{},{}]", end, end + part.bytes));
        end += part.bytes;
      }
    return header_error(header + "}", size_t(end));
  };
  const std::string q8 = "q8, blocks of 32", q4 = "q4, blocks of 32";
  const Part bytes{"I8", "[2,64]", 128}, halves{"U8", "[2,32]", 64}, scale{"F16", "[2,2]", 8}, none{};
  CHECK(error(q8, bytes, scale) == "no error");
  CHECK(error(q4, halves, scale) == "no error");
  CHECK(error(q8, bytes, none) == "x: q is i8(2, 64) without q.scale");
  CHECK(error(q4, halves, none) == "x: q is i4(2, 64) without q.scale");
  CHECK(error(q8, none, scale) == "x: q is q8 by the metadata, and is not there");
  CHECK(error(q4, bytes, scale) == "x: q is i8(2, 64), expected u8 of two axes or more for q4");
  CHECK(error(q8, halves, scale) == "x: q is u8(2, 32), expected i8 of two axes or more for q8");
  CHECK(error(q8, {"I8", "[64]", 64}, scale) == "x: q is i8(64), expected i8 of two axes or more for q8");
  CHECK(error(q8, {"I8", "[0,64]", 0}, none) == "x: q is i8(0, 64), expected i8 of two axes or more for q8");
  CHECK(error(q8, {"I8", "[2,48]", 96}, scale) == "x: q is i8(2, 48), expected a multiple of 32 in axis 1");
  CHECK(error(q4, {"U8", "[2,24]", 48}, scale) == "x: q is i4(2, 48), expected a multiple of 32 in axis 1");
  CHECK(error(q8, bytes, {"F16", "[2,1]", 4}) == "x: q.scale is f16(2, 1), expected f16(2, 2)");
  CHECK(error(q8, bytes, {"F16", "[4]", 8}) == "x: q.scale is f16(4), expected f16(2, 2)");
  CHECK(error(q8, bytes, {"F32", "[2,2]", 16}) == "x: q.scale is f32(2, 2), expected f16(2, 2)");
  CHECK(error(q8, {"F8_E4M3", "[2,64]", 128}, scale) == "x: q is q8 by the metadata, and is not there");
  CHECK(error("q8 of somebody else", {"F32", "[2]", 8}, none) == "no error");
  const char* expected = "expected \"q8, blocks of 32, relative RMS error 0.000e+00\"";
  for (const std::string words : {"q8, blocks of 64", "q8, blocks of 32, relative RMS error ", "q8, blocks of 32, more",
                                  "q8, blocks of 32, relative RMS error -1", "q8, blocks of 32, relative RMS error 1x",
                                  "q8, blocks of 32, relative RMS error inf", "q8, blocks of "})
    CHECK(error(words, bytes, scale) == fmt::format("x: q: metadata \"{}\", {}", words, expected));
}

TEST_CASE("A cut-off file is noticed wherever it is cut", "[io]") {
  const std::string whole = safetensors("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", 8);
  REQUIRE(open_error(whole) == "no error");
  for (size_t length = 0; length < whole.size(); ++length)
    CHECK(open_error(whole.substr(0, length)).starts_with("x: "));
}

TEST_CASE("The golden UNet and VAE open", "[io][golden]") {
  if (!have_golden()) return;
  const auto base = golden_dir() / "pretrained" / "stable-diffusion-xl-base-1.0";
  const auto unet = open_weights(base / "unet/diffusion_pytorch_model.safetensors");
  const auto vae = open_weights(base / "vae/diffusion_pytorch_model.safetensors");
  CHECK(unet->find("conv_in.weight")->values.dim[1] == 4);
  CHECK(vae->find("decoder.conv_out.weight")->values.dim[0] == 3);
}
