// The JSON files of the published layout, with a zero byte between them, round a small model's weights.
#include <array>

#include "fuzz.h"
#include "list_weights.h"
#include "load/model_dir.h"
#include "tiny_model.h"

using namespace seedstory;

namespace {

constexpr const char* kFiles[] = {"unet/config.json", "vae/config.json", "scheduler/scheduler_config.json",
                                  "seedstory.json", "tokenizer/tokenizer_config.json"};
constexpr size_t kCount = std::size(kFiles);

struct Folder {
  Folder() {
    write_tiny_model(dir.path());
    std::filesystem::remove(dir / "model.json");
    const std::filesystem::path sdxl = dir / "stable-diffusion-xl-base-1.0";
    for (const char* part : {"unet", "vae", "scheduler"}) std::filesystem::create_directories(sdxl / part);
    std::filesystem::create_directory(dir / "tokenizer");
    std::filesystem::copy(dir / "tokenizer.model", dir / "tokenizer/tokenizer.model");
    for (size_t i = 0; i < kCount; ++i)
      std::filesystem::create_symlink(json[i].path(), (i < 3 ? sdxl : dir.path()) / kFiles[i]);
  }
  ModelPaths paths() const {
    return {.dir = dir.path(),
            .vit = dir / "vit.safetensors",
            .llm = dir / "llm.safetensors",
            .detokenizer = dir / "detokenizer.safetensors",
            .unet = dir / "detokenizer.safetensors",
            .vae = dir / "vae.safetensors",
            .tokenizer = dir / "tokenizer/tokenizer.model"};
  }
  TempDir dir;
  std::array<MemoryFile, kCount> json;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Folder folder;
  std::string_view rest = text_of(data, size);
  for (MemoryFile& file : folder.json) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    file.set(end == 0 ? "{}" : rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  take_or_refuse([&] { list_weights(open_model(folder.paths()).config); });
  return 0;
}
