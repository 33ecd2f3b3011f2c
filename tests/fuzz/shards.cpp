// The index of a model in several files.
#include "fuzz.h"
#include "io/temp_folder.h"
#include "io/weights_file.h"

using namespace seedstory;

namespace {

struct Folder {
  Folder() { std::filesystem::create_symlink(index.path(), dir / "m.index.json"); }
  TempFolder dir;
  MemoryFile index;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Folder folder;
  folder.index.set(text_of(data, size));
  take_or_refuse([&] { open_sharded(folder.dir / "m.index.json"); });
  return 0;
}
