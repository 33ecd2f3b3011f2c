// Writes what the targets begin with, DIR/TARGET/*: small whole files of each kind, by the tests' own writers.
#include <fmt/format.h>

#include <fstream>

#include "fuzz.h"
#include "io/file.h"
#include "io/image.h"
#include "io/picture_bytes.h"
#include "io/torch_archive.h"
#include "io/weights_file.h"
#include "output/story_folder.h"
#include "tiny_model.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

const fs::path kData = fs::path(SEEDSTORY_SOURCE_DIR) / "tests/data";

class Seeds {
 public:
  explicit Seeds(fs::path dir) : dir_(std::move(dir)) {}

  void add(const std::string& target, const std::string& name, std::string_view bytes) const {
    fs::create_directories(dir_ / target);
    std::ofstream(dir_ / target / name, std::ios::binary) << bytes;
  }
  void copy(const std::string& target, const fs::path& file) const {
    add(target, file.filename().string(), read_text_file(file));
  }

 private:
  fs::path dir_;
};

void add_safetensors(const Seeds& seeds) {
  std::vector<float> numbers(24, 1.5f);
  const TempDir dir;
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::u8}) {
    SafetensorsWriter writer;
    writer.add("a.weight", Tensor(numbers.data(), type, {2, 3, 4}));
    writer.add("a.bias", Tensor(numbers.data(), DType::f32, {3}));
    writer.write(dir / "m");
    seeds.add("safetensors", name_of(type), read_text_file(dir / "m"));
  }
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"I8","shape":[2,16],"data_offsets":[0,32]},)"
      R"("w.scale":{"dtype":"F16","shape":[1],"data_offsets":[32,34]},)"
      R"("n":{"dtype":"I64","shape":[],"data_offsets":[34,42]}})";
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
    SafetensorsWriter writer;
    const DType stored = format == WeightFormat::q4 ? DType::u8 : DType::i8;
    writer.add("w", Tensor(numbers.data(), stored, {1, format == WeightFormat::q4 ? 16 : 32, 1, 2}));
    writer.add("w.scale", Tensor(numbers.data(), DType::f16, {1, 1, 1, 2}));
    writer.write(dir / "m", {}, {{"w", blocks_text(format, 0.01)}});
    seeds.add("safetensors", name_of(format), read_text_file(dir / "m"));
  }
  seeds.add("safetensors", "scaled", little_endian(uint64_t(header.size())) + header + std::string(42, '\1'));
}

void add_torch(const Seeds& seeds) {
  using namespace pickle;
  const std::string weights = dict(text("a.weight") + tensor(storage("FloatStorage", "0", 12), 3, {2, 3}, {3, 1}) +
                                   text("b") + tensor(storage("FloatStorage", "0", 12), 9, {3}, {1}));
  const std::string hidden = dict(text("steps") + tensor(storage("LongStorage", "0", 6), 0, {}, {}));
  const std::string code = "\x80\x02" + global("posix", "system") + tuple(text("touch ran")) + "R.";
  int count = 0;
  for (const bool zip64 : {false, true})
    for (const std::string& data : {weights, hidden, code}) {
      ZipBuilder zip;
      zip.zip64 = zip64;
      zip.add("archive/data.pkl", data);
      zip.add("archive/byteorder", "little");
      zip.add("archive/data/0", std::string(48, '\1'));
      seeds.add("torch", fmt::format("{}", count), zip.whole());
      seeds.add("pickle", fmt::format("{}", count++), data);
    }
}

void add_configs(const Seeds& seeds) {
  const TempDir dir;
  write_tiny_model(dir.path());
  seeds.copy("model_json", dir / "model.json");
  seeds.copy("added_tokens", dir / "added_tokens.json");
  seeds.copy("added_tokens", kData / "tokenizer/added_tokens.json");
  seeds.copy("tokenizer_model", kData / "tokenizer/tokenizer.model");
  seeds.add("shards", "index", R"({"metadata": {"total_size": 1}, "weight_map": {"a": "m-1", "b": "m-2"}})");
  const std::string zero(1, '\0');
  seeds.add("published_configs", "all",
            R"({"act_fn": "silu", "block_out_channels": [32, 64], "down_block_types": ["DownBlock2D", )"
            R"("CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "layers_per_block": 1, )"
            R"("transformer_layers_per_block": [1, 2], "attention_head_dim": [2, 4], "norm_num_groups": 8})" +
                zero + R"({"block_out_channels": [16, 32], "norm_num_groups": 8, "scaling_factor": 0.5})" + zero +
                R"({"beta_schedule": "scaled_linear", "prediction_type": "v_prediction", "steps_offset": 1})" + zero +
                R"({"image_size": 56, "llm": {"heads": 4, "lora_alpha": 16}, "defaults": {"policy": "sink"}})" + zero +
                R"({"legacy": true})");
}

void add_pictures(const Seeds& seeds) {
  for (const auto& entry : fs::directory_iterator(kData / "pictures"))
    if (const auto kind = entry.path().extension(); kind == ".png" || kind == ".jpg")
      seeds.copy("picture", entry.path());
  const std::string jpeg = read_text_file(kData / "pictures/rgb444.jpg");
  seeds.add("picture", "turned.jpg", jpeg_with_exif(jpeg, exif_bytes(6, true)));
  seeds.add("picture", "no-end.jpg", jpeg.substr(0, jpeg.size() - 2));
  const Image image{.width = 2, .height = 1, .rgb = std::vector<uint8_t>(6)};
  std::string png = encode_png(image, {{"parameters", "seed 42"}, {"Caption", "\u65e5"}});
  seeds.add("picture", "turned.png", with_chunk(png, "eXIf", exif_bytes(8, false)));
  const std::vector<uint8_t> rgba = {1, 2, 3, 4, 5, 6, 7, 255};
  seeds.add("picture", "plain.webp", webp_bytes(2, 1, rgba));
  seeds.add("picture", "turned.webp", webp_bytes(2, 1, rgba, exif_bytes(3, false)));
  // zlib's stream of "aaaa".
  png.insert(33, png_chunk("zTXt", std::string("k\0\0", 3) + "\x78\x9c\x4b\x4c\x4c\x4c\x04" + std::string(1, '\0') +
                                       "\x03\xce\x01\x85"));
  seeds.add("picture", "texts.png", png);
}

void add_stories(const Seeds& seeds) {
  const TempDir dir;
  StoryRecord record{.version = "0.1.0", .command = "generate", .model = "tiny"};
  record.weights = {{"unet", "00"}};
  record.model_flags = {{"--model", "m"}};
  record.request.prompt = "a fox";
  for (const char* command : {"generate", "visualize"}) {
    record.command = command;
    record.request.captions = {"a fox", "the end"};
    StoryFolder book(dir / command, record);
    if (!book.claim()) fail("another process has the temporary folder");
    book.begin(false);
    book.add({.index = 0, .text = "a fox", .feature = {}}, {.width = 1, .height = 1, .rgb = {1, 2, 3}});
    book.finish();
    seeds.add("story_json", command, read_text_file(dir / command / "story.json"));
    seeds.add("story_json", std::string(command) + "-frame", *read_frame_json(dir / command / "000.png"));
  }
  seeds.add("texts", "captions", R"(["a fox", "it's \"red\" \u00e9<br>", "the end"])");
  seeds.add("texts", "prompt", "\xef\xbb\xbf[INST]3|The fox's caf\u00e9 <img>\U0001f98a\r\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Seeds seeds(argv[1]);
  add_safetensors(seeds);
  add_torch(seeds);
  add_configs(seeds);
  add_pictures(seeds);
  add_stories(seeds);
  return 0;
}
