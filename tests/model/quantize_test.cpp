// The formats that weights are held in: rounding, and what the loader makes of a file.
#include "model/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "catch.h"
#include "cpu/cpu_backend.h"
#include "made_model.h"
#include "model/llama.h"
#include "model/vae.h"
#include "oracle/backend.h"
#include "run.h"
#include "seedstory/float16.h"

using namespace seedstory;

namespace {

// A weight in host memory.
struct Rounded {
  Rounded(WeightFormat format, std::vector<int64_t> shape, const std::vector<float>& numbers,
          ScaleRule rule = ScaleRule::largest)
      : memory(4096 + numbers.size() * 4), weight(memory.data(), format, shape.data(), shape.size()) {
    wrong = round_weight(numbers.data(), weight, rule);
  }
  int integer(int64_t i) const {
    const auto* bytes = static_cast<const int8_t*>(weight.values.data);
    if (weight.format() == WeightFormat::q8) return bytes[i];
    const int half = (uint8_t(bytes[i / 2]) >> (i % 2 * 4)) & 15;
    return half < 8 ? half : half - 16;
  }
  float scale(int64_t block) const { return f16_to_f32(static_cast<const uint16_t*>(weight.scales.data)[block]); }

  std::vector<char> memory;
  Weight weight;
  std::string wrong;
};

}  // namespace

TEST_CASE("A number of a format takes the bits that its line says, the scale's share with it", "[model]") {
  for (const auto& row : kWeightFormats) {
    INFO(row.about);
    CHECK(std::stod(row.about) == bits_of(row.value));
  }
}

TEST_CASE("Blocks are rounded as Q8_0 and Q4_0 are", "[model]") {
  std::vector<float> numbers(64);
  numbers[0] = 1, numbers[1] = -4, numbers[2] = 3.9f, numbers[3] = 0.26f, numbers[4] = 0.24f, numbers[5] = -0.5f;
  numbers[32] = 254;
  const Rounded q4(WeightFormat::q4, {1, 64}, numbers);
  REQUIRE(q4.wrong.empty());
  // The number of the largest size is -8 scales: its sign is the scale's.
  CHECK(q4.scale(0) == 0.5f);
  for (const auto& [i, expected] :
       std::vector<std::pair<int, int>>{{0, 2}, {1, -8}, {2, 7}, {3, 1}, {4, 0}, {5, -1}, {6, 0}})
    CHECK(q4.integer(i) == expected);
  CHECK(q4.scale(1) == -31.75f);
  CHECK(q4.integer(32) == -8);

  const Rounded q8(WeightFormat::q8, {1, 64}, numbers);
  REQUIRE(q8.wrong.empty());
  CHECK(q8.scale(1) == 2.0f);
  CHECK(q8.integer(32) == 127);
  CHECK(q8.scale(0) == f16_to_f32(f32_to_f16(4.0f / 127)));
  CHECK(q8.integer(1) == -127);
  CHECK(q8.integer(0) == 32);

  INFO("half a step goes to the even integer");
  std::vector<float> halves(32);
  halves[0] = -8, halves[1] = 0.5f, halves[2] = 1.5f, halves[3] = -2.5f;
  const Rounded even(WeightFormat::q4, {1, 32}, halves);
  CHECK(even.scale(0) == 1.0f);
  for (const auto& [i, expected] : std::vector<std::pair<int, int>>{{1, 0}, {2, 2}, {3, -2}})
    CHECK(even.integer(i) == expected);

  INFO("a scale that f16 holds with one bit: what is larger than 127 of them is 127");
  std::vector<float> small(32);
  small[0] = 127 * 0x1.6p-24f, small[1] = -small[0], small[2] = 0x1p-24f;
  const Rounded least(WeightFormat::q8, {1, 32}, small);
  CHECK(least.scale(0) == 0x1p-24f);
  for (const auto& [i, expected] : std::vector<std::pair<int, int>>{{0, 127}, {1, -127}, {2, 1}})
    CHECK(least.integer(i) == expected);

  INFO("a block of zeros, and one that is too small for a scale");
  numbers.assign(64, 0);
  numbers[40] = 1e-9f;
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
    const Rounded zeros(format, {1, 64}, numbers);
    CHECK(zeros.wrong.empty());
    for (int i = 0; i < 64; ++i) CHECK(float(zeros.integer(i)) * zeros.scale(i / 32) == 0);
  }
}

TEST_CASE("A rounded weight is off by at most half a step, along k at each place of a kernel", "[model]") {
  const int64_t n = 3, k = 64, taps = 9;
  const std::vector<float> numbers = made_values(n * k * taps, 7);
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
    const Rounded w(format, {n, k, 3, 3}, numbers);
    REQUIRE(w.wrong.empty());
    CHECK(w.weight.scales.str() == "f16(3, 2, 3, 3)");
    for (int64_t row = 0; row < n; ++row)
      for (int64_t c = 0; c < k; ++c)
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t i = (row * k + c) * taps + tap;
          const float scale = w.scale((row * 2 + c / 32) * taps + tap);
          // Q4_0 has no +8: there a number may be off by a whole step.
          const double most = (format == WeightFormat::q8 ? 0.51 : 1.01) * std::fabs(scale);
          REQUIRE(std::fabs(numbers[size_t(i)] - float(w.integer(i)) * scale) <= most);
        }
  }
}

TEST_CASE("A scale of least error is never worse than the largest number's, and no tried one is better", "[model]") {
  const std::vector<float> numbers = made_values(64 * 32, 3);
  const Rounded plain(WeightFormat::q4, {64, 32}, numbers);
  const Rounded better(WeightFormat::q4, {64, 32}, numbers, ScaleRule::least_error);
  REQUIRE(better.wrong.empty());
  const auto error_of = [&](const Rounded& w, int64_t row) {
    double sum = 0;
    for (int64_t i = row * 32; i < row * 32 + 32; ++i)
      sum += std::pow(double(numbers[size_t(i)]) - double(w.integer(i)) * double(w.scale(row)), 2);
    return sum;
  };
  double plain_sum = 0, better_sum = 0, least_sum = 0;
  for (int64_t row = 0; row < 64; ++row) {
    // A fine grid of scales of both signs, each with its nearest integers.
    double least = INFINITY;
    for (int step = -400; step <= 400; ++step) {
      const double scale = step / 1000.0;
      double sum = 0;
      for (int64_t i = row * 32; i < row * 32 + 32 && step != 0; ++i) {
        const double x = double(numbers[size_t(i)]);
        sum += std::pow(x - scale * std::nearbyint(std::clamp(x / scale, -8.0, 7.0)), 2);
      }
      if (step != 0) least = std::min(least, sum);
    }
    CHECK(error_of(better, row) <= error_of(plain, row) * (1 + 1e-5));
    plain_sum += error_of(plain, row), better_sum += error_of(better, row), least_sum += least;
  }
  INFO("largest " << plain_sum << ", least error " << better_sum << ", of the grid " << least_sum);
  CHECK(better_sum < 0.9 * plain_sum);
  CHECK(better_sum < 1.05 * least_sum);

  INFO("what cannot be held is the same");
  std::vector<float> wrong(32, 1.0f);
  wrong[9] = NAN;
  CHECK(Rounded(WeightFormat::q4, {1, 32}, wrong, ScaleRule::least_error).wrong == "a number that is not finite");
  wrong[9] = -1e9f;
  CHECK(Rounded(WeightFormat::q4, {1, 32}, wrong, ScaleRule::least_error).wrong == "-1000000000, more than q4 holds");
  const Rounded zeros(WeightFormat::q4, {1, 32}, std::vector<float>(32), ScaleRule::least_error);
  for (int i = 0; i < 32; ++i) CHECK(zeros.integer(i) == 0);
}

TEST_CASE("What a format cannot hold is said", "[model]") {
  std::vector<float> numbers(32, 1.0f);
  numbers[9] = 70000;
  CHECK(Rounded(WeightFormat::f16, {1, 32}, numbers).wrong == "70000, more than f16 holds");
  CHECK(Rounded(WeightFormat::q8, {1, 32}, numbers).wrong.empty());
  numbers[9] = -1e9f;
  CHECK(Rounded(WeightFormat::q8, {1, 32}, numbers).wrong == "-1000000000, more than q8 holds");
  CHECK(Rounded(WeightFormat::q4, {1, 32}, numbers).wrong == "-1000000000, more than q4 holds");
  for (const float bad : {NAN, INFINITY}) {
    numbers[9] = bad;
    CHECK(Rounded(WeightFormat::q8, {1, 32}, numbers).wrong == "a number that is not finite");
    CHECK(Rounded(WeightFormat::q4, {1, 32}, numbers).wrong == "a number that is not finite");
    CHECK(Rounded(WeightFormat::f16, {1, 32}, numbers).wrong.empty());
    CHECK(Rounded(WeightFormat::f32, {1, 32}, numbers).wrong.empty());
  }
}

// On a backend that packs nothing, so that what was uploaded can be read.
TEST_CASE("What the loader uploads stands for the numbers of the file", "[model]") {
  const LlamaConfig config{.hidden = 64, .layers = 1, .heads = 2, .ffn = 96, .vocab = 40, .max_positions = 8};
  const MapSource source = made_source<LlamaWeights>(config);
  oracle::OracleBackend be;
  const struct {
    WeightFormat format;
    double most;  // that a number is off, of the largest in its block
  } cases[] = {{WeightFormat::f32, 0},
               {WeightFormat::f16, 0x1p-11},
               {WeightFormat::bf16, 0x1p-8},
               {WeightFormat::q8, 0.51 / 127},
               {WeightFormat::q4, 1.01 / 8}};
  for (const auto& [format, most] : cases) {
    INFO(name_of(format));
    LlamaWeights w;
    WeightTable table;
    w.list(table, config);
    const WeightBlock block =
        WeightLoader(be, source, "llm", {.types = {.weights = format}, .lora_alpha = {}}).load(table);
    const StoredTensor& stored = *source.find("model.layers.0.self_attn.k_proj.weight");
    std::vector<float> numbers(64 * 64);
    to_f32(stored, 0, int64_t(numbers.size()), numbers.data());
    const std::vector<double> got = oracle::read(w.layers[0].qkv.rows(64, 128));
    REQUIRE(got.size() == numbers.size());
    for (size_t first = 0; first < numbers.size(); first += 32) {
      float largest = 0;
      for (size_t i = first; i < first + 32; ++i) largest = std::max(largest, std::fabs(numbers[i]));
      for (size_t i = first; i < first + 32; ++i)
        REQUIRE(std::fabs(got[i] - double(numbers[i])) <= most * double(largest));
    }
  }
}

TEST_CASE("The loader holds weights in the format that is asked for, and the rest as it is", "[model]") {
  const LlamaConfig config{.hidden = 64, .layers = 1, .heads = 2, .ffn = 96, .vocab = 40, .max_positions = 8};
  const MapSource source = made_source<LlamaWeights>(config);
  const auto be = make_cpu_backend(2);
  for (const auto& format : kWeightFormats) {
    INFO(format.name);
    LlamaWeights w;
    WeightTable table;
    w.list(table, config);
    const WeightBlock block =
        WeightLoader(*be, source, "llm", {.types = {.weights = format.value}, .lora_alpha = {}}).load(table);
    CHECK(w.layers[0].qkv.str() == std::string(format.name) + "(192, 64)");
    CHECK(w.layers[0].up_gate.str() == std::string(format.name) + "(192, 64)");
    CHECK(w.lm_head.format() == format.value);
    CHECK(w.embed.dtype == DType::f32);
    CHECK(w.norm.dtype == DType::f32);
  }
  CHECK(format_of(WeightFormat::q4, DType::f32, "unet", "conv_in.weight") == WeightFormat::f16);
  CHECK(format_of(WeightFormat::q4, DType::f32, "unet", "mid_block.resnets.0.conv1.weight") == WeightFormat::q4);
  CHECK(format_of(WeightFormat::q8, DType::f32, "vae", "decoder.mid_block.resnets.0.conv1.weight") ==
        WeightFormat::f16);
  CHECK(format_of(WeightFormat::q8, DType::bf16, "vae", "decoder.conv_in.weight") == WeightFormat::bf16);
  CHECK(format_of(WeightFormat::q8, DType::f16, "unet", "conv_in.weight") == WeightFormat::f16);
  CHECK(format_of(WeightFormat::bf16, DType::f32, "vae", "decoder.conv_in.weight") == WeightFormat::bf16);
}

TEST_CASE("A k that is no multiple of 32 is no weight in blocks", "[model]") {
  const LlamaConfig config{.hidden = 64, .layers = 1, .heads = 2, .ffn = 72, .vocab = 40, .max_positions = 8};
  const auto be = make_cpu_backend(1);
  const MapSource source = made_source<LlamaWeights>(config);
  LlamaWeights w;
  WeightTable table;
  w.list(table, config);
  CHECK_THROWS_WITH(
      WeightLoader(*be, source, "llm", {.types = {.weights = WeightFormat::q4}, .lora_alpha = {}}).load(table),
      "llm: tensors of made: 1 wrong: model.layers.0.mlp.down_proj.weight has a k of 72, q4 wants a "
      "multiple of 32 (f16 takes any)");
  MapSource large;
  std::vector<float> numbers(64, 1.0f);
  numbers[33] = 1e9f;
  large.add("w", {1, 64}, std::move(numbers));
  Weight weight;
  WeightTable one;
  one.add(weight, {"w", {1, 64}}, WeightUse::linear);
  CHECK_THROWS_WITH(
      WeightLoader(*be, large, "llm", {.types = {.weights = WeightFormat::q8}, .lora_alpha = {}}).load(one),
      "llm: w has 1000000000, more than q8 holds");
}

namespace {

// A weight as a file holds it, beside the numbers that it was rounded from.
struct InBlocks {
  InBlocks(WeightFormat format, std::vector<int64_t> shape, int64_t count)
      : numbers(made_values(count, 9)), rounded(format, std::move(shape), numbers) {}
  StoredTensor stored() const {
    return {.values = rounded.weight.values, .scale = rounded.weight.scales, .file = "made"};
  }
  std::vector<float> numbers;
  Rounded rounded;
};

std::string load_error(const StoredTensor& stored, Stored part, LoadOptions options) {
  oracle::OracleBackend be;
  MapSource source;
  source.add("w.weight", stored);
  float factor[128] = {};
  if (options.lora_alpha) {
    source.add("w.lora_A.default.weight", {.values = Tensor(factor, DType::f32, {1, 64}), .scale = {}, .file = "made"});
    source.add("w.lora_B.default.weight", {.values = Tensor(factor, DType::f32, {5, 1}), .scale = {}, .file = "made"});
  }
  Weight w;
  WeightTable table;
  table.add(w, std::move(part), WeightUse::linear);
  const auto ignored = [](std::string_view name) { return name.find("lora") != std::string_view::npos; };
  try {
    WeightLoader(be, source, "llm", options).load(table, ignored);
  } catch (const Error& error) {
    CHECK(error.kind == ErrorKind::input);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("Integers and scales of a file come to the weight as they are", "[model]") {
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4})
    for (const bool conv : {false, true}) {
      INFO(name_of(format) << (conv ? " of a convolution" : ""));
      const std::vector<int64_t> shape = conv ? std::vector<int64_t>{5, 64, 3, 3} : std::vector<int64_t>{5, 64};
      const int64_t taps = conv ? 9 : 1;
      const InBlocks made(format, shape, 5 * 64 * taps);
      MapSource source;
      source.add("a", made.stored());
      source.add("b", shape, made.numbers);
      oracle::OracleBackend be;
      // Beside numbers that the loader rounds, and with the first row left out.
      Weight w;
      WeightTable table;
      table.add(w, {{.name = "a", .shape = shape, .begin = 1}, {.name = "b", .shape = shape}},
                conv ? WeightUse::conv : WeightUse::linear);
      const WeightBlock block =
          WeightLoader(be, source, "llm", {.types = {.weights = format}, .lora_alpha = {}}).load(table);
      const auto same = [](const Tensor& a, const Tensor& b) {
        return std::memcmp(a.data, b.data, size_t(b.bytes())) == 0;
      };
      const Weight expected = made.rounded.weight;
      CHECK(same(w.rows(0, 4).values, expected.rows(1, 5).values));
      CHECK(same(w.rows(0, 4).scales, expected.rows(1, 5).scales));
      CHECK(same(w.rows(4, 9).values, expected.values));
      CHECK(same(w.rows(4, 9).scales, expected.scales));

      INFO("in f32 they are the same numbers");
      Weight wide;
      WeightTable again;
      again.add(wide, {.name = "a", .shape = shape}, conv ? WeightUse::conv : WeightUse::linear);
      const auto ignored = [](std::string_view name) { return name == "b"; };
      const WeightBlock wide_block = WeightLoader(be, source, "llm").load(again, ignored);
      CHECK(oracle::read(wide) == oracle::read(expected));
    }
}

TEST_CASE("What a file in blocks cannot become is said with the tensor's name", "[model]") {
  const InBlocks q8(WeightFormat::q8, {5, 64}, 5 * 64), q4(WeightFormat::q4, {5, 64}, 5 * 64);
  const Stored part{.name = "w.weight", .shape = {5, 64}};
  const auto types = [](WeightFormat format) { return LoadOptions{.types = {.weights = format}, .lora_alpha = {}}; };
  const std::string begin = "llm: tensors of made: 1 wrong: w.weight is ";
  CHECK(load_error(q8.stored(), part, types(WeightFormat::q8)) == "no error");
  CHECK(load_error(q8.stored(), part, types(WeightFormat::f32)) == "no error");
  CHECK(load_error(q8.stored(), part, types(WeightFormat::q4)) ==
        begin + "q8, which q4 would round once more; expected q8 or f32");
  CHECK(load_error(q4.stored(), part, types(WeightFormat::bf16)) ==
        begin + "q4, which bf16 would round once more; expected q4 or f32");
  CHECK(load_error(q4.stored(), {.name = "w.weight", .shape = {5, 128}}, types(WeightFormat::q4)) ==
        begin + "i4(5, 64), expected (5, 128)");
  CHECK(load_error(q8.stored(), {.name = "w.weight", .shape = {5, 64}, .transposed = true}, types(WeightFormat::f32)) ==
        begin + "q8, expected f32, f16 or bf16");
  LoadOptions merging = types(WeightFormat::q8);
  merging.lora_alpha = 1.0;
  CHECK(load_error(q8.stored(), part, merging) == begin + "q8 and has LoRA factors, which must be merged before");

  INFO("numbers that nothing here writes");
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::f32}) {
    InBlocks broken(WeightFormat::q8, {5, 64}, 5 * 64);
    static_cast<int8_t*>(broken.rounded.weight.values.data)[100] = -128;
    CHECK(load_error(broken.stored(), part, types(format)) == "llm: w.weight has a -128, expected -127 to 127");
    static_cast<uint16_t*>(broken.rounded.weight.scales.data)[3] = 0x7c00;
    CHECK(load_error(broken.stored(), part, types(format)) == "llm: w.weight has a scale that is not finite");
  }
}
