// model.json, in a folder whose other files are a small model's.
#include "fuzz.h"
#include "list_weights.h"
#include "load/model_dir.h"
#include "tiny_model.h"

using namespace seedstory;

namespace {

struct Folder {
  Folder() {
    write_tiny_model(dir.path());
    std::filesystem::remove(dir / "model.json");
    std::filesystem::create_symlink(json.path(), dir / "model.json");
  }
  TempDir dir;
  MemoryFile json;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Folder folder;
  folder.json.set(text_of(data, size));
  take_or_refuse([&] {
    ModelPaths paths;
    paths.dir = folder.dir.path();
    list_weights(open_model(paths).config);
  });
  return 0;
}
