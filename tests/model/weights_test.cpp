// Weights on their way from a source of stored tensors to a backend.
#include "model/weights.h"

#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <set>

#include "catch.h"
#include "cpu/cpu_backend.h"
#include "made_model.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/lora.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "run.h"

using namespace seedstory;

namespace {

// Loads nothing, remembers what it was told.
class SilentBackend final : public Backend {
 public:
  std::string name() const override { return "silent"; }
  void* allocate(int64_t bytes) override { return std::aligned_alloc(kAlign, size_t(aligned(bytes + 1))); }
  void release(void* memory) override { std::free(memory); }
  void upload(const Tensor& t, const void* host) override { std::memcpy(t.data, host, size_t(t.bytes())); }
  void download(void* host, const Tensor& t) override { std::memcpy(host, t.data, size_t(t.bytes())); }
  std::unique_ptr<PackedWeight> pack(const Weight&, WeightUse) override { return std::make_unique<Counted>(packed); }
  int packed = 0;

 private:
  struct Counted : PackedWeight {
    explicit Counted(int& count) : count(count) { ++count; }
    ~Counted() override { --count; }
    int& count;
  };
  void exec(OpRef ref) override {
    std::visit([](const auto* op) { fail(std::string("SilentBackend: ran ") + op->name); }, ref);
  }
};

std::vector<float> loaded(Backend& be, const TensorSource& source, std::vector<Stored> parts) {
  Tensor t;
  WeightTable table;
  table.add(t, std::move(parts));
  const WeightBlock block = WeightLoader(be, source, "made").load(table);
  return download(be, t);
}

StoredTensor stored(void* data, DType type, std::initializer_list<int64_t> dims) {
  return {.values = Tensor(data, type, dims), .scale = {}, .file = "made"};
}

using Floats = std::vector<float>;

}  // namespace

TEST_CASE("Stored numbers of every type become f32", "[model]") {
  SilentBackend be;
  MapSource source;
  uint16_t bf16[] = {0x3f80, 0xc000, 0x0001, 0x7f80};
  source.add("bf16", stored(bf16, DType::bf16, {4}));
  CHECK(loaded(be, source, {{"bf16", {4}}}) == Floats{1, -2, 0x1p-133f, INFINITY});

  MapSource halves;
  uint16_t f16[] = {0x3c00, 0xc000, 0x0001, 0x8000, 0x7bff, 0xfc00, 0x0400, 0x83ff};
  halves.add("f16", stored(f16, DType::f16, {8}));
  const Floats expected = {1, -2, 0x1p-24f, -0.0f, 65504, -INFINITY, 0x1p-14f, -1023 * 0x1p-24f};
  CHECK(loaded(be, halves, {{"f16", {8}}}) == expected);
  uint16_t nan[] = {0x7e00};
  MapSource nans;
  nans.add("nan", stored(nan, DType::f16, {1}));
  CHECK(std::isnan(loaded(be, nans, {{"nan", {1}}})[0]));

  MapSource blocks;
  std::vector<int8_t> q(40, 1);
  q[0] = -128, q[31] = 127, q[32] = 2;
  uint16_t scale[] = {0x3800, 0x4000};  // 0.5 and 2
  StoredTensor i8 = stored(q.data(), DType::i8, {5, 8});
  i8.scale = Tensor(scale, DType::f16, {2});
  blocks.add("i8", i8);
  const Floats values = loaded(be, blocks, {{"i8", {5, 8}}});
  CHECK(values[0] == -64);
  CHECK(values[1] == 0.5f);
  CHECK(values[31] == 63.5f);
  CHECK(values[32] == 4);
  CHECK(values[39] == 2);
  // The second half of the rows begins inside a block.
  CHECK(loaded(be, blocks, {{.name = "i8", .shape = {5, 8}, .begin = 3}}) == Floats(values.begin() + 24, values.end()));
}

TEST_CASE("Large weights come in pieces and on several threads, the same numbers", "[model]") {
  const int64_t n = 1700, k = 700, r = 3;  // five pieces, the last one short
  MapSource source;
  const Floats w = made_values(n * k, 1), a = made_values(r * k, 2), b = made_values(n * r, 3);
  source.add("w.weight", {n, k}, w);
  source.add("w.lora_A.default.weight", {r, k}, a);
  source.add("w.lora_B.default.weight", {n, r}, b);
  Floats merged = w;
  merge_lora(source, "w.weight", 6, merged.data(), 0, n, k);
  for (int threads : {1, 2, 5}) {
    INFO(threads << " threads");
    const auto be = make_cpu_backend(threads);
    Tensor whole, cut;
    WeightTable table;
    table.add(whole, {"w.weight", {n, k}});
    table.add(cut, {.name = "w.weight", .shape = {n, k}, .begin = 1001});
    const WeightBlock block =
        WeightLoader(*be, source, "made", {.types = {.weights = WeightFormat::f32}, .lora_alpha = 6.0}).load(table);
    CHECK((download(*be, whole) == merged));  // a million numbers: no need to print them
    CHECK((download(*be, cut) == Floats(merged.begin() + 1001 * k, merged.end())));
  }
}

TEST_CASE("A backend shares work out once, and what is thrown there comes out", "[model]") {
  for (int threads : {1, 3}) {
    const auto be = make_cpu_backend(threads);
    std::vector<std::atomic<int>> done(100);
    be->parallel_for(100, [&](int64_t i) { ++done[size_t(i)]; });
    CHECK(std::all_of(done.begin(), done.end(), [](const auto& times) { return times == 1; }));
    CHECK_THROWS_WITH(be->parallel_for(100,
                                       [](int64_t i) {
                                         if (i == 77) fail_input("the 77th");
                                       }),
                      "the 77th");
  }
}

TEST_CASE("Stored tensors are stacked, cut, transposed and read through their strides", "[model]") {
  SilentBackend be;
  MapSource source;
  source.add("a", {1, 2}, {1, 2});
  source.add("b", {2, 2}, {3, 4, 5, 6});
  CHECK(loaded(be, source, {{"a", {1, 2}}, {"b", {2, 2}}}) == Floats{1, 2, 3, 4, 5, 6});

  MapSource cut;
  cut.add("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(loaded(be, cut, {{.name = "w", .shape = {3, 2}, .begin = 1, .end = 2}}) == Floats{3, 4});
  CHECK(loaded(be, cut, {{.name = "w", .shape = {3, 2}, .transposed = true}}) == Floats{1, 3, 5, 2, 4, 6});

  MapSource strided;
  float columns[] = {1, 4, 2, 5, 3, 6};
  StoredTensor t = stored(columns, DType::f32, {2, 3});
  t.values.stride[0] = 1, t.values.stride[1] = 2;
  strided.add("w", t);
  CHECK(loaded(be, strided, {{"w", {2, 3}}}) == Floats{1, 2, 3, 4, 5, 6});
  CHECK(loaded(be, strided, {{.name = "w", .shape = {2, 3}, .begin = 1}}) == Floats{4, 5, 6});

  MapSource unaligned;
  std::vector<char> bytes(9);
  const float pi = 3.25f;
  std::memcpy(bytes.data() + 1, &pi, 4);
  unaligned.add("w", stored(bytes.data() + 1, DType::f32, {1}));
  CHECK(loaded(be, unaligned, {{"w", {1}}}) == Floats{3.25f});
}

TEST_CASE("A linear layer may go by another name and be stored as a 1x1 convolution", "[model]") {
  SilentBackend be;
  MapSource source;
  source.add("query", {2, 2, 1, 1}, {1, 2, 3, 4});
  Weight w;
  WeightTable table;
  table.add(w, {.name = "to_q", .shape = {2, 2}, .other_name = "query"}, WeightUse::linear);
  const WeightBlock block = WeightLoader(be, source, "made").load(table);
  CHECK(download(be, w.values) == Floats{1, 2, 3, 4});
  CHECK_THROWS_WITH(loaded(be, source, {{.name = "to_q", .shape = {2, 2}, .other_name = "query"}}),
                    "made: tensors of made: 1 wrong: to_q is f32(2, 2, 1, 1), expected (2, 2)");
}

TEST_CASE("A weight of a type that is not read is named with what came and what was expected", "[model]") {
  MapSource source;
  source.add("other", {1}, {0});
  source.unread_tensors["w"] = {.type = "F64", .shape = {2, 3}, .bytes = 48, .file = "made"};
  source.unread_tensors["steps"] = {.type = "I64", .shape = {}, .bytes = 8, .file = "made"};  // nobody asks for it
  SilentBackend backend;
  Tensor w, other;
  WeightTable table;
  table.add(w, {.name = "w", .shape = {2, 3}});
  table.add(other, {.name = "other", .shape = {1}});
  CHECK_THROWS_WITH(WeightLoader(backend, source, "vit").load(table),
                    "vit: tensors of made: 1 wrong: w is F64(2, 3), expected f32, f16, bf16 or i8 of (2, 3)");
}

TEST_CASE("A name with a prefix more or less is named beside the missing one", "[model]") {
  struct {
    const char *has, *wants, *hint;
  } cases[] = {
      {"module.conv_in.weight", "conv_in.weight", "; did you mean 'module.conv_in.weight' for 'conv_in.weight'?"},
      {"_orig_mod.module.conv_in.weight", "conv_in.weight",
       "; did you mean '_orig_mod.module.conv_in.weight' for "
       "'conv_in.weight'?"},
      {"embed.weight", "model.embed.weight", "; did you mean 'embed.weight' for 'model.embed.weight'?"},
      {"xconv_in.weight", "conv_in.weight", ""},
      {"conv_out.weight", "conv_in.weight", ""},
  };
  for (const auto& [has, wants, hint] : cases) {
    INFO(has);
    MapSource source;
    source.add(has, {1}, {0});
    SilentBackend backend;
    Tensor w;
    WeightTable table;
    table.add(w, {.name = wants, .shape = {1}});
    CHECK_THROWS_WITH(WeightLoader(backend, source, "vit").load(table),
                      fmt::format("vit: tensors of made: 1 missing: {}; 1 unexpected: {}{}", wants, has, hint));
  }
}

TEST_CASE("What is missing, wrong or unexpected is reported at once", "[model]") {
  SilentBackend be;
  MapSource source;
  int32_t ints[4] = {};
  source.add("wrong_shape", {3}, {1, 2, 3});
  source.add("wrong_type", stored(ints, DType::i32, {4}));
  source.add("no_scale", stored(ints, DType::i8, {4}));
  source.add("extra", {1}, {1});
  source.add("known", {1}, {1});
  Tensor t[6];
  WeightTable table;
  table.add(t[0], Stored{"wrong_shape", {4}});
  table.add(t[1], Stored{"wrong_type", {4}});
  table.add(t[2], Stored{"no_scale", {4}});
  for (const char* name : {"m1", "m2", "m3", "m4", "m5"}) table.add(t[3], Stored{name, {1}});
  const auto ignored = [](std::string_view name) { return name == "known"; };
  try {
    WeightLoader(be, source, "vit").load(table, ignored);
    FAIL("loaded");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::input);
    CHECK(std::string(e.what()) ==
          "vit: tensors of made: 5 missing: m1, m2, m3, m4, ...; 3 wrong: wrong_shape is f32(3), expected (4), "
          "wrong_type is i32(4), expected f32, f16, bf16 or i8, no_scale has scale f32(), expected f16(1); "
          "1 unexpected: extra");
  }
}

TEST_CASE("What was packed goes with the weights", "[model]") {
  SilentBackend be;
  {
    const MapSource source = made_source<LlamaWeights>(
        LlamaConfig{.hidden = 8, .layers = 2, .heads = 2, .ffn = 12, .vocab = 9, .max_positions = 4});
    Llama llm(LlamaConfig{.hidden = 8, .layers = 2, .heads = 2, .ffn = 12, .vocab = 9, .max_positions = 4},
              WeightLoader(be, source, "llm"));
    CHECK(be.packed == 2 * 4 + 1);
    const Llama moved = std::move(llm);
    CHECK(be.packed == 2 * 4 + 1);
  }
  CHECK(be.packed == 0);
}

TEST_CASE("Tables name what the published files hold", "[model]") {
  std::set<std::string> names;
  int64_t parameters = 0;
  const auto count = [&](const WeightTable& table) {
    names.clear();
    parameters = 0;
    for (const auto& entry : table.entries())
      for (const Stored& part : entry.parts) {
        if (!names.insert(part.name).second) continue;
        int64_t size = 1;
        for (int64_t d : part.shape) size *= d == kAnyRows ? 256 : d;
        parameters += size;
      }
  };
  const auto list = [&](auto weights, const auto& config) {
    WeightTable table;
    weights.list(table, config);
    count(table);
  };
  list(VitWeights{}, VitConfig{});
  CHECK(names.size() == 594);
  CHECK(parameters == 1'935'610'624);
  list(LlamaWeights{}, LlamaConfig{});
  CHECK(names.size() == 32 * 9 + 3);
  CHECK(parameters == 6'738'956'288);
  list(AdapterWeights{}, AdapterConfig{});
  CHECK(names.size() == 62);
  CHECK(parameters == 61'245'696);
  list(UnetWeights{}, UnetConfig{});
  CHECK(names.size() == 1680);
  CHECK(parameters == 2'567'463'684);

  VaeWeights decoder, encoder;
  WeightTable both;
  decoder.list_decoder(both, VaeConfig{});
  count(both);
  CHECK(parameters == 49'490'199);
  encoder.list_encoder(both, VaeConfig{});
  count(both);
  CHECK(names.size() == 248);
  CHECK(parameters == 83'653'863);

  WeightTable table;
  ResamplerWeights resampler;
  resampler.list(table, ResamplerConfig{}, "");
  count(table);
  CHECK(names.size() == 10);
  CHECK(parameters == 67'665'920);
}
