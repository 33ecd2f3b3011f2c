// Captions and prompts, through the commands that take them, and what is made of a text that is taken.
#include "cli/cli.h"
#include "cli/command_line.h"
#include "cli/paths.h"
#include "cli/story_command.h"
#include "fuzz.h"
#include "text/normal_text.h"
#include "text/tokenizer.h"

using namespace seedstory;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(text_of(data, size));
  const std::string path = file.path();
  const Backends none{.cpu = {}, .cpu_set = {}, .cpu_type = [](CpuSet) { return WeightFormat::f32; }, .cuda = {}};
  // There is no such model: the texts are read before it is looked for.
  const char* visualize[] = {"seedstory", "visualize", "--model", "/nowhere", "--captions", path.c_str()};
  const char* generate[] = {"seedstory", "generate", "--model", "/nowhere", "--prompt-file", path.c_str()};
  taken_or_refused(run_command_line(std::size(visualize), visualize, none));
  taken_or_refused(run_command_line(std::size(generate), generate, none));
  take_or_refuse([&] {
    const std::string text = read_user_text(path);
    unknown_words(text, {"fox", "the"});
    const std::string normal = normal_text(text);
    if (normal_text(normal) != normal) std::abort();  // once is enough
    is_blank(text);
    story_folder(text);
    shell_quote(text);
    display_text(clean_text(text), "[INST]{left}|");
  });
  return 0;
}
