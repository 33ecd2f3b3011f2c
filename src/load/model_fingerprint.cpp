// Reads a few blocks of each large tensor.
#include "load/model_fingerprint.h"

#include <algorithm>

#include "io/file.h"
#include "io/fingerprint.h"

namespace seedstory {
namespace {

void add_bytes(Fingerprint& print, const Tensor& t) {
  constexpr int64_t kWhole = 256 << 10, kBlock = 4 << 10, kBlocks = 8;
  if (!t.data || !t.contiguous()) return;
  const auto* bytes = static_cast<const char*>(t.data);
  if (t.bytes() <= kWhole) {
    print.add(bytes, size_t(t.bytes()));
    return;
  }
  for (int64_t block = 0; block < kBlocks; ++block) {
    const char* at = bytes + (t.bytes() - kBlock) / (kBlocks - 1) * block;
    const PagesAlone alone(at, kBlock);
    print.add(at, kBlock);
  }
}

void add_source(Fingerprint& print, const TensorSource& source) {
  std::vector<std::string> names = source.names();
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const StoredTensor* tensor = source.find(name);
    print.add(name);
    print.add(tensor->values.str());
    add_bytes(print, tensor->values);
    add_bytes(print, tensor->scale);
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> fingerprints(const ModelDir& model, const std::filesystem::path& dir) {
  std::vector<std::pair<std::string, std::string>> prints;
  const auto add = [&](const char* part, std::initializer_list<const TensorSource*> sources) {
    Fingerprint print;
    for (const TensorSource* source : sources)
      if (source) add_source(print, *source);
    prints.emplace_back(part, print.hex());
  };
  add("vit", {model.vit.get()});
  add("llm", {model.llm.get(), model.input_resampler.get(), model.output_resampler.get()});
  add("adapter", {model.adapter.get()});
  add("unet", {model.unet.get()});
  add("vae", {model.vae.get()});

  Fingerprint tokenizer;
  tokenizer.add(read_text_file(model.tokenizer_model));
  tokenizer.add(read_text_file(model.added_tokens));
  prints.emplace_back("tokenizer", tokenizer.hex());

  Fingerprint settings;
  for (const char* name : {"model.json", "seedstory.json"})
    if (std::filesystem::exists(dir / name)) settings.add(read_text_file(dir / name));
  prints.emplace_back("settings", settings.hex());
  return prints;
}

}  // namespace seedstory
