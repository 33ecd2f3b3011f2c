// Models written by convert_model, beside the models that they were made of.
#include "load/convert.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <list>
#include <map>

#include "catch.h"
#include "cpu/cpu_backend.h"
#include "error_of.h"
#include "golden.h"
#include "io/file.h"
#include "io/json.h"
#include "io/weights_file.h"
#include "load/model_json.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"
#include "oracle/backend.h"
#include "seedstory/float16.h"
#include "tiny_model.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

const fs::path kNano = fs::path(SEEDSTORY_SOURCE_DIR) / "weights/nano";

// What the loader makes of every tensor of a model, on a backend that packs nothing.
using Bits = std::map<std::string, std::string>;

template <class List>
void add_bits(Bits& bits, const std::string& part, const TensorSource& source, LoadOptions options, List&& list) {
  oracle::OracleBackend be;
  WeightTable table;
  list(table);
  const auto ignored = [](std::string_view) { return true; };
  const WeightBlock block = WeightLoader(be, source, part, std::move(options)).load(table, ignored);
  const auto bytes = [](const Tensor& t) {
    return t.str() + std::string(static_cast<const char*>(t.data), size_t(t.bytes()));
  };
  for (const auto& entry : table.entries()) {
    std::string& to = bits[part + "." + entry.parts[0].name + fmt::format(" {}", entry.parts[0].begin)];
    if (entry.weight) to = bytes(entry.weight->values) + (entry.weight->scales ? bytes(entry.weight->scales) : "");
    if (entry.tensor) to = bytes(*entry.tensor);
    if (entry.host) to = bytes(entry.host->view());
  }
}

Bits bits_of(const ModelDir& m, NumberTypes types) {
  const ModelConfig& c = m.config;
  VitWeights vit;
  LlamaWeights llm;
  ResamplerWeights in, out;
  AdapterWeights adapter;
  UnetWeights unet;
  VaeWeights vae;
  const LoadOptions plain{.types = types, .lora_alpha = {}, .keep = m.keep};
  LoadOptions merged = plain;
  merged.lora_alpha = m.lora_alpha;
  Bits bits;
  add_bits(bits, "vit", *m.vit, plain, [&](WeightTable& t) { vit.list(t, c.vit); });
  add_bits(bits, "llm", *m.llm, merged, [&](WeightTable& t) { llm.list(t, c.llm); });
  add_bits(bits, "input_resampler", *m.input_resampler, plain,
           [&](WeightTable& t) { in.list(t, c.input_resampler, ""); });
  add_bits(bits, "output_resampler", *m.output_resampler, plain,
           [&](WeightTable& t) { out.list(t, c.output_resampler, ""); });
  add_bits(bits, "adapter", *m.adapter, plain, [&](WeightTable& t) { adapter.list(t, c.adapter); });
  add_bits(bits, "unet", *m.unet, plain, [&](WeightTable& t) { unet.list(t, c.unet); });
  add_bits(bits, "vae", *m.vae, plain, [&](WeightTable& t) { vae.list_decoder(t, c.vae); });
  return bits;
}

// Names instead of megabytes.
std::string first_difference(const Bits& a, const Bits& b) {
  if (a.size() != b.size()) return fmt::format("{} tensors, {}", a.size(), b.size());
  for (const auto& [name, bytes] : a)
    if (const auto other = b.find(name); other == b.end() || other->second != bytes) return name;
  return "";
}

std::vector<WrittenFile> convert(const ModelDir& model, const ConvertOptions& options, const fs::path& folder) {
  const auto threads = make_cpu_backend(2);
  const auto written = convert_model(model, options, *threads, folder);
  REQUIRE(written);
  return *written;
}

// The tensors of a model's parts under the published names, in the published places.
class Published {
 public:
  explicit Published(const fs::path& dir) : dir_(dir) {
    write_tiny_model(ours_.path());
    model_ = open_model({.dir = ours_.path()});
    json_ = parse_json(read_text_file(ours_ / "model.json"), "model.json", 8);
    write_llm();
    write_others();
    write_settings();
  }

 private:
  Tensor keep(std::vector<float> values, DType type, const std::vector<int64_t>& shape) {
    if (type == DType::f32) {
      floats_.push_back(std::move(values));
      return Tensor(floats_.back().data(), type, shape.data(), shape.size());
    }
    halves_.emplace_back(values.size());
    std::transform(values.begin(), values.end(), halves_.back().begin(), f32_to_bf16);
    return Tensor(halves_.back().data(), type, shape.data(), shape.size());
  }
  Tensor values(const TensorSource& source, const std::string& name, DType type, float factor = 1) {
    const StoredTensor& t = *source.find(name);
    std::vector<float> numbers(size_t(t.values.numel()));
    to_f32(t, 0, int64_t(numbers.size()), numbers.data());
    for (float& x : numbers) x *= factor;
    return keep(std::move(numbers), type, shape_of(t.values));
  }
  void add_all(SafetensorsWriter& file, const std::string& prefix, const TensorSource& source, DType type) {
    for (const std::string& name : source.names()) file.add(prefix + name, values(source, name, type));
  }
  void write(const SafetensorsWriter& file, const std::string& name) {
    fs::create_directories((dir_ / name).parent_path());
    file.write(dir_ / name);
  }

  // Frozen matrices in bf16 with LoRA factors in f32 beside them, the rest in f32.
  void write_llm() {
    SafetensorsWriter file;
    const std::string prefix = "llm.base_model.model.";
    for (const std::string& name : model_.llm->names()) {
      const size_t at = name.find("_proj.weight");
      file.add(prefix + name, values(*model_.llm, name, at == std::string::npos ? DType::f32 : DType::bf16));
      if (at == std::string::npos) continue;
      const Tensor& w = model_.llm->find(name)->values;
      const std::string module = prefix + name.substr(0, at + 5);
      file.add(module + ".lora_A.default.weight", factor({3, w.dim[1]}));
      file.add(module + ".lora_B.default.weight", factor({w.dim[0], 3}));
    }
    add_all(file, "input_resampler.", *model_.input_resampler, DType::f32);
    add_all(file, "output_resampler.", *model_.output_resampler, DType::f32);
    write(file, "seed_story/george_sft/pytorch_model.bin");
  }
  Tensor factor(const std::vector<int64_t>& shape) {
    std::vector<float> numbers(size_t(shape[0] * shape[1]));
    for (float& x : numbers) x = 0.01f * std::sin(float(++count_));
    return keep(std::move(numbers), DType::f32, shape);
  }

  void write_others() {
    SafetensorsWriter vit, unet, vae, detokenizer;
    add_all(vit, "", *model_.vit, DType::bf16);
    add_all(unet, "", *model_.unet, DType::f32);
    add_all(vae, "", *model_.vae, DType::f32);
    add_all(detokenizer, "resampler.", *model_.adapter, DType::f32);
    for (const std::string& name : model_.unet->names())
      if (name.ends_with(".to_k.weight")) detokenizer.add("unet." + name, values(*model_.unet, name, DType::f32, 1.5f));
    write(vit, "visual_tokenizer/qwen_vit_G.pt");
    write(unet, "stable-diffusion-xl-base-1.0/unet/diffusion_pytorch_model.safetensors");
    write(vae, "stable-diffusion-xl-base-1.0/vae/diffusion_pytorch_model.safetensors");
    write(detokenizer, "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin");
  }

  void write_text(const std::string& name, const std::string& text) {
    fs::create_directories((dir_ / name).parent_path());
    write_file_atomically(dir_ / name, text);
  }
  void write_settings() {
    for (const std::string part : {"unet", "vae"})
      write_text("stable-diffusion-xl-base-1.0/" + part + "/config.json", json_[part].dump());
    write_text("stable-diffusion-xl-base-1.0/scheduler/scheduler_config.json", json_["scheduler"].dump());
    for (const std::string name : {"tokenizer.model", "added_tokens.json"})
      write_text("cvlm_llama2_tokenizer/" + name, read_text_file(ours_ / name));
    Json settings = Json::object();
    for (const char* key : {"vit", "llm", "input_resampler", "output_resampler", "adapter", "defaults"})
      settings[key] = json_[key];
    settings["llm"]["lora_alpha"] = 7;
    write_text("seedstory.json", settings.dump());
  }

  const fs::path dir_;
  TempDir ours_;
  ModelDir model_;
  Json json_;
  std::list<std::vector<float>> floats_;
  std::list<std::vector<uint16_t>> halves_;
  int count_ = 0;
};

// Loaded in each type, the copy is what the original is.
void check_same(const ModelDir& original, const std::vector<WeightFormat>& types) {
  const TempDir folder;
  convert(original, {.type = {}}, folder.path());
  const ModelDir copy = open_model({.dir = folder.path()});
  CHECK(!copy.published);
  CHECK(!copy.weights);
  CHECK(model_json(copy).dump(1) == model_json(original).dump(1));
  for (const WeightFormat type : types) {
    INFO("loaded in " << name_of(type));
    CHECK(first_difference(bits_of(original, {.weights = type}), bits_of(copy, {.weights = type})).empty());
  }
}

}  // namespace

TEST_CASE("A converted model loads to the same bits, LoRA merged", "[story]") {
  const TempDir dir;
  const Published published(dir.path());
  const ModelDir original = open_model({.dir = dir.path()});
  REQUIRE(original.published);
  CHECK(original.lora_alpha == 7);
  check_same(original, {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16});
}

TEST_CASE("nano converted loads to the same bits", "[story]") {
  check_same(open_model({.dir = kNano}), {WeightFormat::f32, WeightFormat::q8});
}

TEST_CASE("The golden model converted loads to the same bits", "[story][golden]") {
  if (!have_golden()) return;
  check_same(open_model({.dir = golden_dir() / "pretrained"}), {WeightFormat::f32, WeightFormat::bf16});
}

TEST_CASE("A model in q8 or q4 is what the loader would round", "[story]") {
  const ModelDir nano = open_model({.dir = kNano});
  for (const WeightFormat type : {WeightFormat::q8, WeightFormat::q4}) {
    INFO(name_of(type));
    const TempDir folder;
    const auto files = convert(nano, {.type = type, .scales = ScaleRule::largest}, folder.path());
    const ModelDir copy = open_model({.dir = folder.path()});
    CHECK(copy.weights == type);
    for (const DType activations : {DType::f32, DType::bf16}) {
      const NumberTypes types{.weights = type, .activations = activations};
      CHECK(first_difference(bits_of(nano, types), bits_of(copy, types)).empty());
    }
    INFO("what is in the file is what is loaded: nothing was left to be rounded but for these");
    const StoredTensor& w = *copy.unet->find("mid_block.attentions.0.transformer_blocks.0.ff.net.2.weight");
    CHECK(w.has_blocks());
    REQUIRE(w.rms_error);
    CHECK(*w.rms_error > (type == WeightFormat::q8 ? 0.001 : 0.02));
    CHECK(*w.rms_error < (type == WeightFormat::q8 ? 0.02 : 0.3));
    CHECK(!copy.unet->find("conv_in.weight")->has_blocks());
    CHECK(!copy.llm->find("model.embed_tokens.weight")->has_blocks());
    CHECK(!copy.vit->find("attn_pool.attn.in_proj_weight")->has_blocks());
    CHECK(copy.unet->find("conv_in.weight")->values.dtype == nano.unet->find("conv_in.weight")->values.dtype);
    CHECK(files[0].rounded > 0);
    CHECK(files[3].rounded == 0);

    INFO("the copy's copy has its bytes");
    const TempDir again;
    convert(copy, {.type = {}}, again.path());
    for (const char* name : kModelFiles) CHECK((read_text_file(again / name) == read_text_file(folder / name)));
    CHECK(error_of(ErrorKind::input, [&] {
            const TempDir other;
            convert(copy, {.type = type == WeightFormat::q8 ? WeightFormat::q4 : WeightFormat::q8}, other.path());
          }).find("would round once more") != std::string::npos);
  }
}

TEST_CASE("Scales of least error leave less of it on nano", "[story]") {
  const ModelDir nano = open_model({.dir = kNano});
  const TempDir plain, better;
  const auto largest = convert(nano, {.type = WeightFormat::q4, .scales = ScaleRule::largest}, plain.path());
  const auto least = convert(nano, {.type = WeightFormat::q4}, better.path());
  for (size_t i = 0; i < 3; ++i) {
    INFO(least[i].name << " " << largest[i].rms_error << " " << least[i].rms_error);
    CHECK(least[i].bytes == largest[i].bytes);
    CHECK(least[i].rms_error < 0.97 * largest[i].rms_error);
  }
}

TEST_CASE("What is kept stays as it is, and the folder says so", "[story]") {
  const TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir tiny = open_model({.dir = dir.path()});
  const auto convert_error = [&](std::vector<KeepRule> keep) {
    const TempDir folder;
    return error_of(ErrorKind::input,
                    [&] { convert(tiny, {.type = WeightFormat::q8, .keep = std::move(keep)}, folder.path()); });
  };
  CHECK(convert_error({}) ==
        "vit: transformer.resblocks.0.mlp.c_proj.weight has a k of 48, q8 wants a multiple of 32; kept, it stays in 16 "
        "bits");
  const std::vector<KeepRule> keep = {{"vit.*.c_proj.weight"}, {"llm.*.k_proj.weight"}, {"unet.*"}};
  const TempDir folder;
  convert(tiny, {.type = WeightFormat::q8, .keep = keep}, folder.path());
  ModelDir copy = open_model({.dir = folder.path()});
  CHECK(strings_of(copy.keep) == strings_of(keep));
  INFO("q, k and v are one weight");
  for (const char* name : {"q_proj", "k_proj", "v_proj"})
    CHECK(!copy.llm->find(fmt::format("model.layers.0.self_attn.{}.weight", name))->has_blocks());
  CHECK(copy.llm->find("model.layers.0.self_attn.o_proj.weight")->has_blocks());
  const Bits bits = bits_of(copy, {.weights = WeightFormat::q8});
  CHECK(bits.at("llm.model.layers.0.self_attn.q_proj.weight 0").starts_with("f16("));
  CHECK(bits.at("llm.model.layers.0.self_attn.o_proj.weight 0").starts_with("i8("));
  ModelDir kept = tiny;
  kept.keep = keep;
  CHECK(first_difference(bits, bits_of(kept, {.weights = WeightFormat::q8})).empty());
}

TEST_CASE("A part is held in another format than the rest, and the first rule that fits decides", "[story]") {
  const ModelDir nano = open_model({.dir = kNano});
  const std::vector<KeepRule> keep = {{"unet.up_blocks.*"}, {"unet.*", WeightFormat::q8}};
  const TempDir folder;
  convert(nano, {.type = WeightFormat::q4, .keep = keep, .scales = ScaleRule::largest}, folder.path());
  const ModelDir copy = open_model({.dir = folder.path()});
  CHECK(strings_of(copy.keep) == std::vector<std::string>{"unet.up_blocks.*", "unet.*=q8"});
  const Bits bits = bits_of(copy, {.weights = WeightFormat::q4});
  const std::string up = "unet.up_blocks.0.resnets.0.conv1.weight 0",
                    down = "unet.down_blocks.0.resnets.0.conv1.weight 0", in = "unet.conv_in.weight 0";
  CHECK(bits.at(up).starts_with("f16("));
  CHECK(bits.at(in).starts_with("f16("));  // kStays16
  CHECK(bits.at(down).starts_with("i8("));
  CHECK(bits.at("llm.lm_head.weight 0").starts_with("i4("));
  ModelDir kept = nano;
  kept.keep = keep;
  CHECK(first_difference(bits, bits_of(kept, {.weights = WeightFormat::q4})).empty());
}

TEST_CASE("Converting to a plain type rounds the weights of products", "[story]") {
  const TempDir dir, folder;
  write_tiny_model(dir.path());
  const ModelDir tiny = open_model({.dir = dir.path()});
  convert(tiny, {.type = WeightFormat::bf16}, folder.path());
  const ModelDir copy = open_model({.dir = folder.path()});
  CHECK(copy.llm->find("lm_head.weight")->values.dtype == DType::bf16);
  CHECK(copy.llm->find("model.norm.weight")->values.dtype == DType::f32);
  CHECK(first_difference(bits_of(tiny, {.weights = WeightFormat::bf16}), bits_of(copy, {.weights = WeightFormat::bf16}))
            .empty());
}

TEST_CASE("The number of threads changes no byte of a converted model, and a stop leaves no model.json", "[story]") {
  const TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir tiny = open_model({.dir = dir.path()});
  const ConvertOptions options{.type = WeightFormat::q4, .keep = {{"vit.*.c_proj.weight"}, {"unet.*"}}};
  const TempDir one, three, stopped;
  REQUIRE(convert_model(tiny, options, *make_cpu_backend(1), one.path()));
  REQUIRE(convert_model(tiny, options, *make_cpu_backend(3), three.path()));
  for (const char* name : kModelFiles) CHECK((read_text_file(one / name) == read_text_file(three / name)));
  ConvertOptions stopping = options;
  int asked = 0;
  stopping.wants_stop = [&] { return ++asked > 5; };
  CHECK(!convert_model(tiny, stopping, *make_cpu_backend(1), stopped.path()));
  CHECK(!fs::exists(stopped / "model.json"));
}
