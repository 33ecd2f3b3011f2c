#include "tiny_model.h"

#include <sentencepiece_processor.h>
#include <unistd.h>

#include <cmath>
#include <list>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "io/file.h"
#include "io/weights_file.h"
#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Widths and their heads grow with the scale; layers, queries and the pixels stay.
ModelConfig sizes(const TinyModel& tiny, int64_t vocab) {
  const int64_t n = tiny.scale;
  ModelConfig c;
  c.vit = {.image_size = 32,
           .patch_size = 8,
           .width = 32 * n,
           .layers = 1,
           .heads = 2 * n,
           .mlp = 48 * n,
           .queries = 4,
           .output_dim = 32 * n,
           .attn_pool_heads = 2 * n};
  c.llm = {.hidden = 128 * n,
           .layers = 2,
           .heads = 4 * n,
           .ffn = 96 * n,
           .vocab = vocab,
           .max_positions = tiny.max_positions};
  c.input_resampler = {.queries = 4, .dim = 128 * n, .kv_dim = 32 * n, .heads = 4 * n};
  c.output_resampler = {.queries = 4, .dim = 32 * n, .kv_dim = 128 * n, .heads = 2 * n};
  c.adapter = {.dim = 32 * n,
               .depth = 1,
               .heads = 2 * n,
               .dim_head = 16,
               .queries = 4,
               .embedding_dim = 32 * n,
               .output1 = 16 * n,
               .output2 = 16 * n,
               .ff_mult = 2};
  c.unet.channels = {16 * n, 32 * n};
  c.unet.down_attention = {false, true};
  c.unet.up_attention = {true, false};
  c.unet.transformer_layers = {1, 1};
  c.unet.heads = {n, 2 * n};
  c.unet.layers_per_block = 1;
  c.unet.cross_attention_dim = 32 * n;
  c.unet.norm_groups = 8;
  c.unet.time_id_dim = 8;
  c.unet.added_dim = 16 * n + 6 * 8;
  c.vae.channels = {8 * n, 16 * n, 16 * n, 16 * n};
  c.vae.layers_per_block = 1;
  c.vae.norm_groups = 4;
  return c;
}

json model_json(const TinyModel& tiny, const ModelConfig& c) {
  const auto resampler = [](const ResamplerConfig& r) {
    return json{{"queries", r.queries}, {"dim", r.dim}, {"kv_dim", r.kv_dim}, {"heads", r.heads}};
  };
  return {
      {"format", "seedstory"},
      {"version", 1},
      {"name", tiny.scale == 1 ? "tiny" : "tiny x " + std::to_string(tiny.scale)},
      {"licence", "Apache-2.0"},
      {"training_data", "none: random weights"},
      {"files",
       {{"vit", "vit.safetensors"},
        {"llm", "llm.safetensors"},
        {"detokenizer", "detokenizer.safetensors"},
        {"vae", "vae.safetensors"}}},
      {"tokenizer", {{"model", "tokenizer.model"}, {"added_tokens", "added_tokens.json"}, {"legacy", false}}},
      {"words", "words.txt"},
      {"vit",
       {{"image_size", c.vit.image_size},
        {"patch_size", c.vit.patch_size},
        {"width", c.vit.width},
        {"layers", c.vit.layers},
        {"heads", c.vit.heads},
        {"mlp", c.vit.mlp},
        {"queries", c.vit.queries},
        {"output_dim", c.vit.output_dim},
        {"attn_pool_heads", c.vit.attn_pool_heads}}},
      {"llm",
       {{"hidden", c.llm.hidden},
        {"layers", c.llm.layers},
        {"heads", c.llm.heads},
        {"ffn", c.llm.ffn},
        {"vocab", c.llm.vocab},
        {"max_positions", c.llm.max_positions}}},
      {"input_resampler", resampler(c.input_resampler)},
      {"output_resampler", resampler(c.output_resampler)},
      {"adapter",
       {{"dim", c.adapter.dim},
        {"depth", c.adapter.depth},
        {"heads", c.adapter.heads},
        {"dim_head", c.adapter.dim_head},
        {"queries", c.adapter.queries},
        {"embedding_dim", c.adapter.embedding_dim},
        {"output1", c.adapter.output1},
        {"output2", c.adapter.output2},
        {"ff_mult", c.adapter.ff_mult}}},
      {"unet",
       {{"block_out_channels", c.unet.channels},
        {"down_block_types", {"DownBlock2D", "CrossAttnDownBlock2D"}},
        {"up_block_types", {"CrossAttnUpBlock2D", "UpBlock2D"}},
        {"layers_per_block", c.unet.layers_per_block},
        {"transformer_layers_per_block", c.unet.transformer_layers},
        {"attention_head_dim", c.unet.heads},
        {"cross_attention_dim", c.unet.cross_attention_dim},
        {"norm_num_groups", c.unet.norm_groups},
        {"addition_time_embed_dim", c.unet.time_id_dim},
        {"projection_class_embeddings_input_dim", c.unet.added_dim}}},
      {"vae",
       {{"block_out_channels", c.vae.channels},
        {"layers_per_block", c.vae.layers_per_block},
        {"norm_num_groups", c.vae.norm_groups},
        {"scaling_factor", 0.5}}},
      {"scheduler", {{"prediction_type", "v_prediction"}}},
      {"call_ends", tiny.call_ends == CallEnd::eos ? "eos" : "eoi"},
      {"call_prefix", tiny.call_prefix},
      {"spans", {2, 2, 2, 2}},
      {"defaults", {{"policy", "window"}, {"window", 3}, {"steps", 2}, {"cfg", 2.0}, {"width", 32}, {"height", 32}}},
  };
}

int64_t count_pieces(const fs::path& model) {
  sentencepiece::SentencePieceProcessor pieces;
  if (!pieces.Load(model.string()).ok()) fail("tiny model: cannot read " + model.string());
  return pieces.GetPieceSize();
}

// Fills the tensors of a table with numbers that keep activations near 1, and writes them.
class RandomPart {
 public:
  explicit RandomPart(uint64_t seed) : random_(uint32_t(seed)) {}

  void add(const WeightTable& table, const std::string& prefix = "") {
    for (const auto& entry : table.entries())
      for (const Stored& part : entry.parts) add(prefix + part.name, part.shape);
  }
  void add(const std::string& name, std::vector<int64_t> shape) {
    if (!seen_.insert(name).second) return;  // one tensor, several rows of it taken in turn
    if (shape[0] == kAnyRows) shape[0] = 16;
    Tensor t(nullptr, DType::f32, shape.data(), shape.size());
    const bool norm = shape.size() == 1 && name.ends_with(".weight");
    const double deviation = shape.size() == 1 ? 0.02 : 1 / std::sqrt(double(t.numel()) / double(shape[0]));
    std::vector<float> values(t.numel());
    for (float& v : values) v = float((norm ? 1 : 0) + deviation * normal());
    put(name, shape, std::move(values));
  }
  void put(const std::string& name, const std::vector<int64_t>& shape, std::vector<float> values) {
    seen_.insert(name);
    values_.push_back(std::move(values));
    writer_.add(name, Tensor(values_.back().data(), DType::f32, shape.data(), shape.size()));
  }
  void write(const fs::path& file) const { writer_.write(file); }

  // Irwin-Hall of twelve: near enough to normal, and the same on every standard library.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_() * 0x1p-32;
    return sum;
  }

 private:
  std::mt19937 random_;
  std::list<std::vector<float>> values_;  // that the writer reads
  SafetensorsWriter writer_;
  std::set<std::string> seen_;
};

// Layers that add nothing, random codes as embeddings, and a head that answers the code of a with script[a]. The first
// channel is 1 in every code and carries the offset.
void put_script(RandomPart& part, const TinyModel& tiny, const LlamaConfig& c) {
  std::vector<float> embed(c.vocab * c.hidden), head(embed.size());
  constexpr float kHeight = 20;
  for (int64_t i = 0; i < int64_t(embed.size()); ++i) embed[i] = i % c.hidden == 0 || part.normal() < 0 ? 1.0f : -1.0f;
  for (const auto& [token, said] : tiny.script)
    for (int64_t j = 0; j < c.hidden; ++j)
      head[said * c.hidden + j] += kHeight / float(c.hidden) * embed[token * c.hidden + j];
  for (int token = 0; token < c.vocab; ++token) head[token * c.hidden] = tiny.offset;
  part.put("model.embed_tokens.weight", {c.vocab, c.hidden}, std::move(embed));
  part.put("lm_head.weight", {c.vocab, c.hidden}, std::move(head));
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string prefix = "model.layers." + std::to_string(l) + ".";
    std::vector<float> o(c.hidden * c.hidden), down(c.hidden * c.ffn), ones(c.hidden, 1.0f);
    part.put(prefix + "self_attn.o_proj.weight", {c.hidden, c.hidden}, std::move(o));
    part.put(prefix + "mlp.down_proj.weight", {c.hidden, c.ffn}, std::move(down));
  }
}

}  // namespace

TempDir::TempDir() {
  std::string name = (fs::temp_directory_path() / "seedstory-test-XXXXXX").string();
  if (!mkdtemp(name.data())) fail("TempDir: cannot make " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path tiny_tokenizer_model() {
  return fs::path(SEEDSTORY_SOURCE_DIR) / "tests/data/tokenizer/tokenizer.model";
}

void write_tiny_model(const fs::path& dir, const TinyModel& tiny) {
  fs::copy_file(tiny_tokenizer_model(), dir / "tokenizer.model", fs::copy_options::overwrite_existing);
  write_file_atomically(dir / "words.txt", "a\nfox\nfinds\nlantern\nlittle\nred\nsnow\nthe\nin\n");
  const int64_t pieces = count_pieces(tiny_tokenizer_model());
  json added;
  for (int k = 0; k < 4; ++k) added["<img_0000" + std::to_string(k) + ">"] = pieces + k;
  added["<img>"] = pieces + 4;
  added["</img>"] = pieces + 5;
  write_file_atomically(dir / "added_tokens.json", added.dump(1) + "\n");

  const ModelConfig c = sizes(tiny, pieces + 6);
  write_file_atomically(dir / "model.json", model_json(tiny, c).dump(1) + "\n");

  RandomPart vit(1), llm(2), detokenizer(3), vae(4);
  WeightTable vit_table, llm_table, in_table, out_table, adapter_table, unet_table, vae_table;
  VitWeights vit_weights;
  vit_weights.list(vit_table, c.vit);
  vit.add(vit_table);
  LlamaWeights llm_weights;
  llm_weights.list(llm_table, c.llm);
  if (!tiny.script.empty()) put_script(llm, tiny, c.llm);
  llm.add(llm_table);
  ResamplerWeights in_weights, out_weights;
  in_weights.list(in_table, c.input_resampler, "");
  llm.add(in_table, "input_resampler.");
  out_weights.list(out_table, c.output_resampler, "");
  llm.add(out_table, "output_resampler.");
  AdapterWeights adapter_weights;
  adapter_weights.list(adapter_table, c.adapter);
  detokenizer.add(adapter_table, "resampler.");
  UnetWeights unet_weights;
  unet_weights.list(unet_table, c.unet);
  detokenizer.add(unet_table, "unet.");
  VaeWeights decoder, encoder;
  decoder.list_decoder(vae_table, c.vae);
  encoder.list_encoder(vae_table, c.vae);
  vae.add(vae_table);
  vit.write(dir / "vit.safetensors");
  llm.write(dir / "llm.safetensors");
  detokenizer.write(dir / "detokenizer.safetensors");
  vae.write(dir / "vae.safetensors");
}

}  // namespace seedstory
