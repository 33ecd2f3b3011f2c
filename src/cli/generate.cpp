// generate: the model writes the story from a prompt, and paints it.
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/story_command.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// A file's last line break belongs to the file, not to the prompt.
std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string read_prompt(const StoryFlags& flags) {
  if (!flags.prompt && !flags.prompt_file) fail_usage("generate: expected --prompt TEXT or --prompt-file FILE");
  const std::string prompt = flags.prompt ? *flags.prompt : without_last_newline(read_user_text(*flags.prompt_file));
  const std::string wrong = wrong_in_text(prompt);
  if (!wrong.empty() && flags.prompt) fail_usage("--prompt: " + wrong);
  if (!wrong.empty()) fail_input(user_text_name(*flags.prompt_file) + ": " + wrong);
  return prompt;
}

}  // namespace

int generate(const StoryFlags& flags, const Backends& backends, Terminal& terminal) {
  need_one_stdin(flags.image, "--prompt-file", flags.prompt_file);
  return tell(flags, {.command = "generate", .prompt = read_prompt(flags)}, backends, terminal);
}

}  // namespace seedstory
