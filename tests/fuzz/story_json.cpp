// A story's data, in story.json and inside a frame, as inspect reads it and as a new run finds it in its folder.

#include "cli/cli.h"
#include "fuzz.h"
#include "io/image.h"
#include "io/temp_folder.h"
#include "output/story_folder.h"
#include "text/utf8.h"

using namespace seedstory;

namespace {

struct Folder {
  Folder() {
    std::filesystem::create_symlink(story.path(), dir / "story.json");
    std::filesystem::create_symlink(frame.path(), dir / "000.png");
    if (!std::freopen("/dev/null", "w", stdout)) fail("no /dev/null");
  }
  TempFolder dir;
  MemoryFile story, frame;
};

void inspect_all(const std::string& path) {
  for (const char* how : {"--json", "--command", "--"}) {
    const char* line[] = {"seedstory", "inspect", how, path.c_str()};
    taken_or_refused(run_command_line(std::size(line), line, {}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Folder folder;
  const std::string text(text_of(data, size));
  folder.story.set(text);
  inspect_all(folder.dir / "story.json");
  const StoryFolder book(folder.dir / "", {.command = "generate"});
  take_or_refuse([&] { book.finished(); });

  if (!is_utf8(text) || text.find('\0') != std::string::npos) return 0;  // encode_png would not write it
  folder.frame.set(encode_png({.width = 1, .height = 1, .rgb = {1, 2, 3}}, {{"seedstory", text}}));
  inspect_all(folder.dir / "000.png");
  return 0;
}
