#include "cli/did_you_mean.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "cli/command_line.h"

namespace seedstory {
namespace {

using Words = std::vector<std::string>;

// How many letters are wrong, missing, too many or swapped with their neighbour.
size_t slips(const std::string& a, const std::string& b) {
  const size_t columns = b.size() + 1;
  std::vector<size_t> before(columns), last(columns), row(columns);
  std::iota(last.begin(), last.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// As words are compared: no dashes in front, small letters, and - for _.
std::string plain(const std::string& word) {
  std::string out = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  for (char& c : out) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return out;
}

std::string flag_of(const std::string& word) {
  return word.substr(0, word.find('='));
}

bool is_flag(const std::string& word) {
  return word.size() > 1 && word[0] == '-';
}

const CommandDoc* find_command(const CommandDoc& program, const std::string& name) {
  const auto found = std::find_if(program.commands.begin(), program.commands.end(),
                                  [&](const CommandDoc& command) { return command.name == name; });
  return found == program.commands.end() ? nullptr : &*found;
}

Words names_of_commands(const CommandDoc& program) {
  Words names;
  for (const CommandDoc& command : program.commands) names.push_back(command.name);
  return names;
}

const FlagDoc* find_flag(const CommandDoc& command, const std::string& name) {
  for (const FlagDoc& flag : command.flags)
    if (!flag.has_place && std::find(flag.names.begin(), flag.names.end(), name) != flag.names.end()) return &flag;
  return nullptr;
}

Words names_of_flags(const CommandDoc& command) {
  Words names;
  for (const FlagDoc& flag : command.flags)
    if (!flag.has_place) names.insert(names.end(), flag.names.begin(), flag.names.end());
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("--"); });
  return names;
}

// The commands that have a flag, as "visualize" or "plan or bench".
std::string owners(const CommandDoc& program, const std::string& flag) {
  Words names;
  for (const CommandDoc& command : program.commands)
    if (find_flag(command, flag)) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, " or "));
}

// A first word that is no command's name: a blank in it, or letters that no command has.
bool is_text(const std::string& word) {
  return word.empty() || std::any_of(word.begin(), word.end(), [](char c) {
           return c == ' ' || c == '\t' || c == '\n' || c == '!' || c == '?' || static_cast<unsigned char>(c) >= 0x80;
         });
}

// Flags of programs of this kind, and what stands for them here.
std::string known_elsewhere(const std::string& flag) {
  constexpr struct {
    const char *flag, *help;
  } kFlags[] = {{"--list-devices", "it stands alone: seedstory --list-devices"},
                {"--list-models", "the models of -hf are those in Hugging Face's cache: seedstory doctor"},
                {"--negative-prompt", "there is none: a picture follows what the language model says of it"},
                {"--n-gpu-layers", "--device cuda puts all layers on the card, --fit on one stage after the other"},
                {"--gpu-layers", "--device cuda puts all layers on the card, --fit on one stage after the other"},
                {"--ctx-size", "--policy and --window say what the model remembers"},
                {"--n-predict", "--max-tokens is most tokens of a frame"},
                {"--cache-dir", "the cache of -hf is where $HF_HUB_CACHE says"},
                {"--cache", "the cache of -hf is where $HF_HUB_CACHE says"},
                {"--lora", "LoRA weights are merged into the model's own before they come here"}};
  for (const auto& [name, help] : kFlags)
    if (plain(name) == plain(flag)) return std::string("; ") + help;
  return "";
}

std::string joined(Words::const_iterator begin, Words::const_iterator end) {
  return fmt::format("{}", fmt::join(begin, std::find_if(begin, end, is_flag), " "));
}

[[noreturn]] void refuse_command(const Words& words, const CommandDoc& program) {
  const std::string& word = words[0];
  const std::string meant = nearest(word, names_of_commands(program));
  const CommandDoc& command = *find_command(program, meant.empty() ? "generate" : meant);
  for (const std::string& given : words) {
    const std::string flag = flag_of(given);
    if (given == "--") break;
    if (!given.starts_with("--") || find_flag(command, flag)) continue;
    if (const std::string near = nearest(flag, names_of_flags(command)); !near.empty())
      fail_usage(
          fmt::format("there is no command {}, and {} has no flag {}; did you mean {} {}? (see seedstory --help)", word,
                      command.name, flag, command.name, near));
  }
  std::string help = did_you_mean(word, names_of_commands(program));
  const std::string text = joined(words.begin(), words.end());
  std::error_code none;
  if (std::filesystem::exists(word, none))
    help = fmt::format("; to look into that: seedstory inspect {}", shell_quote(word));
  else if (help.empty())
    help = fmt::format("; to tell a story: seedstory generate --prompt {}", shell_quote(text));
  fail_usage(fmt::format("there is no command {}{} (see seedstory --help)", word, help));
}

// CLI11 reads -seed as -s eed.
void refuse_single_dashes(const Words& words, const CommandDoc& command, const std::string& help) {
  for (const std::string& word : words) {
    const std::string name = flag_of(word);
    if (word == "--") return;
    if (name.size() > 2 && name[1] != '-' && find_flag(command, "-" + name))
      fail_usage(fmt::format("there is no flag {}; did you mean -{}? (see {})", name, name, help));
    const FlagDoc* flag = name.size() == 2 && name != word ? find_flag(command, name) : nullptr;
    if (flag && !flag->type.empty())
      fail_usage(fmt::format("{}: a short flag takes no =; expected {} {} (see {})", word, name,
                             word.size() > 3 ? shell_quote(word.substr(3)) : flag->type, help));
  }
}

// A variable of the shell's that is not set leaves an empty word.
void need_no_empty_word(const Words& words, const std::string& command) {
  if (std::find(words.begin(), words.end(), "") != words.end())
    fail_usage(command + ": an empty word came, as a variable leaves it that is not set");
}

// What a word without a flag in front of it is most likely to be for.
std::string usual_flag(const std::string& command) {
  if (command == "generate") return "--prompt";
  if (command == "visualize") return "--captions";
  return command == "inspect" || command == "completion" ? "" : "--model";
}

}  // namespace

std::string nearest(const std::string& word, const Words& candidates) {
  const std::string given = plain(word);
  if (given.empty()) return "";
  for (const std::string& candidate : candidates)
    if (plain(candidate) == given) return candidate;
  std::string best;
  size_t least = given.size() < 3 ? 1 : std::max<size_t>(1, given.size() / 3) + 1;  // "no" is not "on"
  for (const std::string& candidate : candidates) {
    const std::string name = plain(candidate);
    // A short word is another word soon: gpu is not cpu.
    const bool is_other = given.size() < 4 && name[0] != given[0];
    if (const size_t n = slips(given, name); n < least && n < name.size() && !is_other) {
      best = candidate;
      least = n;
    }
  }
  if (!best.empty() && least == 1) return best;
  // The beginning of one, or one with more behind it or a number of it: --cap, --temperature, --num-frames.
  constexpr size_t kBeginning = 2, kWhole = 4;
  for (const std::string& candidate : candidates) {
    const std::string name = plain(candidate);
    if (given.size() >= kBeginning && name.starts_with(given)) return candidate;
    if (name.size() >= kWhole && (given.starts_with(name) || given == "num-" + name || given == "n-" + name))
      return candidate;
  }
  return best;
}

std::string did_you_mean(const std::string& word, const Words& candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : fmt::format("; did you mean {}?", found);
}

std::string front_page(const CommandDoc& program) {
  std::string text =
      "seedstory tells illustrated stories: words on stdout, and a folder with the pictures\n"
      "and a page to open. Try:\n\n"
      "  seedstory \"A little fox finds a red lantern in the snow.\"\n"
      "  seedstory generate --prompt \"A little fox finds a red lantern.\" --frames 5 -o out\n\n";
  for (const CommandDoc& command : program.commands) text += fmt::format("  {:<11} {}\n", command.name, command.about);
  return text + "\nseedstory help COMMAND lists the flags of a command; seedstory man is the manual.\n";
}

Words with_command(Words words, const CommandDoc& program) {
  if (words.empty()) return words;
  const std::string first = words[0];
  if (first == "help" && words.size() == 1) return {"--help"};
  if (first == "help" && !is_flag(words[1])) {
    words.erase(words.begin());
    need_no_empty_word(words, first);
    if (!find_command(program, words[0])) {
      const Words names = names_of_commands(program);
      const std::string meant = did_you_mean(words[0], names);
      fail_usage(fmt::format("there is no command {}{} (see seedstory --help)", words[0],
                             meant.empty() ? fmt::format("; expected one of {}", fmt::join(names, ", ")) : meant));
    }
    if (words.size() > 2 || (words.size() == 2 && !find_command(*find_command(program, words[0]), words[1])))
      fail_usage(fmt::format("help: {} came behind {}, expected one command (see seedstory --help)", words.back(),
                             words.size() == 2 ? words[0] : words[0] + " " + words[1]));
    words.push_back("--help");
    return words;
  }
  if (const CommandDoc* command = find_command(program, first)) {
    refuse_single_dashes(words, *command, "seedstory " + first + " --help");
    return words;
  }
  if (is_flag(first)) {
    refuse_single_dashes(words, program, "seedstory --help");
    if (find_flag(program, first)) return words;
    const std::string flag = flag_of(first), commands = owners(program, flag);
    if (!commands.empty()) fail_usage(fmt::format("{}: expected a command in front: {}", flag, commands));
    std::string help = known_elsewhere(flag);
    if (help.empty()) help = did_you_mean(flag, names_of_flags(program));
    if (const std::string near = nearest(flag, names_of_flags(*find_command(program, "generate")));
        help.empty() && !near.empty())
      help = fmt::format("; did you mean generate {}?", near);
    fail_usage(fmt::format("there is no flag {}{} (see seedstory --help)", flag, help));
  }
  std::error_code none;
  if (!is_text(first) || std::filesystem::exists(first, none)) refuse_command(words, program);
  words[0] = "--prompt=" + first;
  words.insert(words.begin(), "generate");
  refuse_single_dashes(words, *find_command(program, "generate"), "seedstory generate --help");
  return words;
}

void refuse_words(const Words& words, const CommandDoc& program, const std::string& command,
                  const std::string& prompt) {
  const size_t blank = command.find(' ');  // of "bench compare"
  const CommandDoc& first = *find_command(program, command.substr(0, blank));
  const CommandDoc& here = blank == std::string::npos ? first : *find_command(first, command.substr(blank + 1));
  need_no_empty_word(words, command);
  const std::string see = fmt::format(" (see seedstory {} --help)", command);
  if (const auto flag = std::find_if(words.begin(), words.end(), is_flag); flag != words.end()) {
    const std::string name = flag_of(*flag), elsewhere = owners(program, name);
    std::string help = known_elsewhere(name);
    if (help.empty()) help = did_you_mean(name, names_of_flags(here));
    if (!elsewhere.empty()) help = fmt::format("; {} has it", elsewhere);
    fail_usage(fmt::format("{}: there is no flag {}{}{}", command, name, help, see));
  }
  const std::string text = joined(words.begin(), words.end()), flag = usual_flag(command);
  if (nearest(words[0], {"help"}) == "help")
    fail_usage(fmt::format("{}: {} came; did you mean --help?", command, words[0]));
  if (const std::string below = nearest(words[0], names_of_commands(here)); !below.empty())
    fail_usage(fmt::format("{}: {} came; did you mean {} {}?{}", command, words[0], command, below, see));
  if (!prompt.empty())
    fail_usage(fmt::format("{}: {} came behind the prompt; a text of several words stands in quotes: --prompt {}{}",
                           command, text, shell_quote(prompt + " " + text), see));
  if (flag.empty() || !find_flag(here, flag)) {
    constexpr const char* kExpected[] = {"flags", "one word", "two words"};
    const auto places =
        std::count_if(here.flags.begin(), here.flags.end(), [](const FlagDoc& f) { return f.has_place; });
    fail_usage(fmt::format("{}: {} came, expected {} alone{}", command, text, kExpected[places], see));
  }
  fail_usage(
      fmt::format("{}: {} came without a flag; did you mean {} {}?{}", command, text, flag, shell_quote(text), see));
}

Error with_choice(const Error& error, const CommandDoc& command) {
  const std::string message = error.what();
  const size_t blank = message.find(' '), colon = message.find(": expected ");
  if (error.kind != ErrorKind::usage || colon == std::string::npos || blank > colon || message.ends_with('?'))
    return error;
  const std::string name = message.substr(0, blank), value = message.substr(blank + 1, colon - blank - 1);
  Words known;
  for (const FlagDoc& flag : command.flags)
    if (name == command.name ? flag.has_place : &flag == find_flag(command, name)) known = choices(flag.type);
  return {error.kind, message + (value.find(':') == std::string::npos ? did_you_mean(value, known) : "")};
}

}  // namespace seedstory
