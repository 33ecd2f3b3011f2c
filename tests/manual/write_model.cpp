// Writes a model of the published sizes, layout and containers with random weights: some 32 GB. For
// scripts/run_full_size.
//
//   write_model DIR TOKENIZER.MODEL
//
// What the containers have that small ones lack: archives and storages of more than 4 GiB, thousands of tensors as
// views into one flat storage, bf16 and f32 side by side, LoRA factors beside what they change.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "../io/torch_archive.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/model_config.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

struct Named {
  std::string name;
  std::vector<int64_t> shape;

  int64_t numel() const {
    int64_t n = 1;
    for (const int64_t d : shape) n *= d;
    return n;
  }
};

// Each stored tensor once, whatever rows of it the network takes.
std::vector<Named> tensors_of(const WeightTable& table, const std::string& prefix, int64_t any_rows = 256) {
  std::vector<Named> out;
  std::set<std::string> seen;
  for (const auto& entry : table.entries())
    for (const Stored& part : entry.parts) {
      Named t{prefix + part.name, part.shape};
      if (t.shape[0] == kAnyRows) t.shape[0] = any_rows;
      if (seen.insert(t.name).second) out.push_back(std::move(t));
    }
  return out;
}

void operator+=(std::vector<Named>& to, const std::vector<Named>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Values that keep activations near 1: matrices by their fan-in, norms 1, biases 0.
class Values {
 public:
  void write(std::ofstream& out, const Named& t, DType type) {
    const bool vector = t.shape.size() == 1, bias = t.name.ends_with("bias");
    const double fan_in = double(t.numel()) / double(t.shape[0]);
    const float scale = vector ? 0 : float(std::sqrt(3 / fan_in)), offset = vector && !bias ? 1 : 0;
    constexpr int64_t kBlock = 1 << 20;
    for (int64_t left = t.numel(); left > 0; left -= kBlock) {
      const int64_t count = std::min(left, kBlock);
      floats_.resize(size_t(count));
      for (float& x : floats_) x = offset + scale * uniform();
      if (type == DType::f32) {
        out.write(reinterpret_cast<const char*>(floats_.data()), count * 4);
        continue;
      }
      halves_.resize(size_t(count));
      for (int64_t i = 0; i < count; ++i)
        halves_[size_t(i)] = uint16_t(std::bit_cast<uint32_t>(floats_[size_t(i)]) >> 16);
      out.write(reinterpret_cast<const char*>(halves_.data()), count * 2);
    }
  }

 private:
  float uniform() {  // xorshift64, -1 .. 1
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return float(int32_t(state_ >> 32)) * 0x1p-31f;
  }

  uint64_t state_ = 88172645463325252u;
  std::vector<float> floats_;
  std::vector<uint16_t> halves_;
};

std::ofstream create(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.exceptions(std::ios::failbit | std::ios::badbit);
  fmt::print("{}\n", path.string());
  std::fflush(stdout);
  return out;
}

// One storage whose tensors lie one after another.
struct Storage {
  DType type;
  std::vector<Named> tensors;
};

std::vector<int64_t> strides_of(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

void write_torch(const fs::path& path, const std::vector<Storage>& storages, Values& values) {
  std::string items;
  std::vector<int64_t> numels;
  for (size_t key = 0; key < storages.size(); ++key) {
    int64_t offset = 0, numel = 0;
    for (const Named& t : storages[key].tensors) numel += t.numel();
    const std::string storage = pickle::storage(storages[key].type == DType::f32 ? "FloatStorage" : "BFloat16Storage",
                                                std::to_string(key), numel);
    for (const Named& t : storages[key].tensors) {
      items += pickle::text(t.name) + pickle::tensor(storage, offset, t.shape, strides_of(t.shape));
      offset += t.numel();
    }
    numels.push_back(numel);
  }
  std::ofstream out = create(path);
  ZipBuilder zip;
  zip.zip64 = true;
  const auto flush = [&] {
    out.write(zip.bytes.data(), std::streamsize(zip.bytes.size()));
    zip.base += zip.bytes.size();
    zip.bytes.clear();
  };
  zip.add("archive/data.pkl", pickle::dict(items));
  zip.add("archive/version", "3\n");
  for (size_t key = 0; key < storages.size(); ++key) {
    const uint64_t bytes = uint64_t(numels[key] * size_of(storages[key].type));
    zip.begin("archive/data/" + std::to_string(key), bytes);
    flush();
    for (const Named& t : storages[key].tensors) values.write(out, t, storages[key].type);
    zip.base += bytes;
  }
  const std::string end = zip.end(zip.base);
  out.write(end.data(), std::streamsize(end.size()));
}

void write_safetensors(const fs::path& path, const std::vector<Named>& tensors, Values& values) {
  nlohmann::ordered_json header;
  int64_t offset = 0;
  for (const Named& t : tensors) {
    header[t.name] = {{"dtype", "F32"}, {"shape", t.shape}, {"data_offsets", {offset, offset + 4 * t.numel()}}};
    offset += 4 * t.numel();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::ofstream out = create(path);
  out << little_endian(uint64_t(text.size())) << text;
  for (const Named& t : tensors) values.write(out, t, DType::f32);
}

void write_vit(const fs::path& dir, const ModelConfig& config, Values& values) {
  VitWeights w;
  WeightTable table;
  w.list(table, config.vit);
  std::vector<Storage> storages;
  for (const Named& t : tensors_of(table, "")) storages.push_back({DType::bf16, {t}});
  write_torch(dir / "visual_tokenizer/qwen_vit_G.pt", storages, values);
}

// Frozen matrices in bf16; what was trained (embeddings, norms, LoRA, resamplers) in f32.
void write_llm(const fs::path& dir, const ModelConfig& config, Values& values) {
  constexpr int64_t kRank = 16;
  LlamaWeights llama;
  WeightTable llm_table, in_table, out_table;
  llama.list(llm_table, config.llm);
  ResamplerWeights in, out;
  in.list(in_table, config.input_resampler, "");
  out.list(out_table, config.output_resampler, "");
  Storage frozen{DType::bf16, {}}, trained{DType::f32, {}};
  for (const Named& t : tensors_of(llm_table, "llm.base_model.model.")) {
    const size_t at = t.name.find("_proj.weight");
    (at == std::string::npos ? trained : frozen).tensors.push_back(t);
    if (at == std::string::npos) continue;
    const std::string module = t.name.substr(0, at + 5);
    trained.tensors.push_back({module + ".lora_A.default.weight", {kRank, t.shape[1]}});
    trained.tensors.push_back({module + ".lora_B.default.weight", {t.shape[0], kRank}});
  }
  trained.tensors += tensors_of(in_table, "input_resampler.");
  trained.tensors += tensors_of(out_table, "output_resampler.");
  write_torch(dir / "seed_story/george_sft/pytorch_model.bin", {frozen, trained}, values);
}

void write_painter(const fs::path& dir, const ModelConfig& config, Values& values) {
  UnetWeights unet;
  VaeWeights vae;
  AdapterWeights adapter;
  WeightTable unet_table, vae_table, adapter_table;
  unet.list(unet_table, config.unet);
  vae.list_decoder(vae_table, config.vae);
  adapter.list(adapter_table, config.adapter);
  const fs::path sdxl = dir / "stable-diffusion-xl-base-1.0";
  const std::vector<Named> all = tensors_of(unet_table, "");
  write_safetensors(sdxl / "unet/diffusion_pytorch_model.safetensors", all, values);
  write_safetensors(sdxl / "vae/diffusion_pytorch_model.safetensors", tensors_of(vae_table, ""), values);
  Storage adapted{DType::f32, tensors_of(adapter_table, "resampler.")};
  for (const Named& t : all)
    if (t.name.find(".to_k.weight") != std::string::npos || t.name.find(".to_v.weight") != std::string::npos)
      adapted.tensors.push_back({"unet." + t.name, t.shape});
  write_torch(dir / "detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin", {adapted}, values);
}

// The tokeniser that is at hand, with the published number of picture tokens behind its pieces.
void write_tokenizer(const fs::path& dir, const fs::path& tokenizer, int64_t pieces, int64_t pictures) {
  const fs::path to = dir / "cvlm_llama2_tokenizer";
  fs::create_directories(to);
  fs::copy_file(tokenizer, to / "tokenizer.model", fs::copy_options::overwrite_existing);
  nlohmann::ordered_json added;
  for (int64_t i = 0; i < pictures; ++i) added[fmt::format("<img_{:05}>", i)] = pieces + i;
  added["<img>"] = pieces + pictures;
  added["</img>"] = pieces + pictures + 1;
  create(to / "added_tokens.json") << added.dump(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "write_model DIR TOKENIZER.MODEL\n");
    return 2;
  }
  const fs::path dir = argv[1];
  const ModelConfig config;  // the published sizes
  Values values;
  constexpr int64_t kPieces = 2048;  // of weights/nano/tokenizer.model
  write_tokenizer(dir, argv[2], kPieces, config.input_resampler.queries);
  write_vit(dir, config, values);
  write_llm(dir, config, values);
  write_painter(dir, config, values);
}
