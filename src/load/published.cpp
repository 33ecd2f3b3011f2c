// A source of tensors that are names and shapes only.
#include "load/published.h"

#include "model/adapter.h"
#include "model/llama.h"
#include "model/resampler.h"
#include "model/unet.h"
#include "model/vae.h"
#include "model/vit.h"

namespace seedstory {
namespace {

// What a network's table asks for.
class Shapes final : public TensorMap {
 public:
  Shapes(const WeightTable& table, const std::string& file) {
    constexpr int64_t kAnyRowsHere = 256;  // positions of the ViT's published grid
    for (const auto& entry : table.entries())
      for (const Stored& part : entry.parts) {
        std::vector<int64_t> shape = part.shape;
        if (shape[0] == kAnyRows) shape[0] = kAnyRowsHere;
        tensors[part.name] = {
            .values = Tensor(nullptr, DType::bf16, shape.data(), shape.size()), .scale = {}, .file = file};
      }
  }
};

template <class List>
std::shared_ptr<const TensorSource> shapes(const char* file, List&& list) {
  WeightTable table;
  list(table);
  return std::make_shared<Shapes>(table, file);
}

}  // namespace

ModelDir published_sizes() {
  ModelDir model;
  model.published = true;
  const ModelConfig& c = model.config;
  VitWeights vit;
  ResamplerWeights resampler;
  LlamaWeights llama;
  AdapterWeights adapter;
  UnetWeights unet;
  VaeWeights vae;
  model.vit = shapes("vit", [&](WeightTable& t) { vit.list(t, c.vit); });
  model.llm = shapes("llm", [&](WeightTable& t) { llama.list(t, c.llm); });
  model.input_resampler = shapes("llm", [&](WeightTable& t) { resampler.list(t, c.input_resampler, ""); });
  model.output_resampler = shapes("llm", [&](WeightTable& t) { resampler.list(t, c.output_resampler, ""); });
  model.adapter = shapes("detokenizer", [&](WeightTable& t) { adapter.list(t, c.adapter); });
  model.unet = shapes("unet", [&](WeightTable& t) { unet.list(t, c.unet); });
  model.vae = shapes("vae", [&](WeightTable& t) { vae.list_decoder(t, c.vae); });
  return model;
}

}  // namespace seedstory
