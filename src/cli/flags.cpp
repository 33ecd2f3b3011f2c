// Every flag's name and one-line meaning. The only file that includes CLI11, which costs seconds a file.
#include "cli/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "cli/build_info.h"
#include "cli/cards.h"
#include "cli/did_you_mean.h"
#include "cli/exit_codes.h"
#include "cli/manual.h"
#include "cli/number.h"
#include "cli/outputs.h"
#include "cli/paths.h"
#include "cli/request.h"
#include "cli/shell_path.h"
#include "cli/user_config.h"
#include "cli/variables.h"
#include "load/model_dir.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

using Path = std::optional<std::string>;

std::string footer() {
  std::string text = "Exit codes:";
  for (const auto& [code, meaning] : kExitCodes) {
    const std::string number = std::to_string(code);
    text += "\n  " + number + std::string(5 - number.size(), ' ') + meaning;
  }
  return text +
         "\n$SEEDSTORY_STEPS is for --steps what steps = N is in the configuration file, and so for the other flags "
         "that say\nhow, not what. A flag wins over a variable, a variable over the file.";
}

// A number by our own rules: CLI11 reads 010 as eight and cuts 2^64 - 1.
template <class T, class N>
CLI::Option* add_number(CLI::App& app, const std::string& names, T& value, const Range<N>& range,
                        const std::string& about) {
  const std::string name = names.substr(names.find("--"));
  const auto take = [&value, name, range](const std::string& text) {
    if constexpr (std::is_same_v<N, double>)
      value = parse_real(name, text, range);
    else
      value = parse_whole(name, text, range);
  };
  return app.add_option_function<std::string>(names, take, about)->type_name("N");
}

using Whole = Range<int64_t>;
using Real = Range<double>;
constexpr Whole kSeed{-1, std::numeric_limits<int64_t>::max()}, kSteps{1, 1000},
    kSide{1, kMostPixels, ", a multiple of what the model takes"}, kDescriptor{2, 1 << 20, "; stdout is the story's"};
constexpr Real kScale{0, 100};

// CLI11's short flags have one letter; words() brings llama.cpp's -hf to it under its long name.
CLI::Option* add_hf_repo(CLI::App& app, std::optional<std::string>& repo) {
  return app
      .add_option("--hf-repo", repo, "(-hf) A model in Hugging Face's cache, as `hf download` left it; never downloads")
      ->type_name("USER/MODEL");
}

// "a|b|c"
std::string alternatives(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, "|"));
}

// One of a table's names.
template <class Field, class Table>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, Field& field, const Table& table,
                        const std::string& about) {
  const auto take = [&field, &table, flag](const std::string& text) { field = parse_choice(flag, text, table); };
  return app.add_option_function<std::string>(flag, take, about)->type_name(alternatives(names_in(table)));
}

void add_part_flags(CLI::App& app, ModelFlags& f) {
  const auto part = [&](const char* name, std::optional<std::string>& path, const char* what) {
    app.add_option(name, path, what)->type_name("FILE")->group("Model");
  };
  part("--vit", f.vit, "Use this file for the image encoder");
  part("--llm", f.llm, "Use this file for the language model and its resamplers");
  part("--detokenizer", f.detokenizer, "Use this file for the adapter (and the UNet tensors in it)");
  part("--unet", f.unet, "Use this file for the UNet");
  part("--vae", f.vae, "Use this file for the VAE");
  part("--tokenizer", f.tokenizer, "Use this tokenizer.model");
}

void add_model_flags(CLI::App& app, ModelFlags& f) {
  const char* group = "Model";
  CLI::Option* dir = app.add_option("-m,--model", f.model,
                                    "Model directory, ours or the published layout (default: the nano that ships)");
  dir->type_name("DIR")->group(group);
  add_hf_repo(app, f.hf_repo)->excludes(dir)->group(group);
  add_part_flags(app, f);
}

void add_seed_flags(CLI::App& app, StoryFlags& f) {
  const char* group = "Story";
  add_number(app, "-s,--seed", f.seed, kSeed,
             "Seed of the pictures, and of the words where they are drawn, not at --temp 0; -1 draws one (default 42)")
      ->group(group);
  app.add_flag("--seed-per-frame", f.seed_per_frame, "Add the frame's number to the seed: other noise in every frame")
      ->group(group);
  add_choice(app, "--rng", f.rng, kNoiseSources, "Whose noise (default torch-cuda)")->group(group);
  add_number(app, "--max-tokens", f.max_tokens, Whole{1, 100000},
             "Most tokens of one frame, its picture included (default 500)")
      ->group(group);
}

// What memory and time follow from.
void add_size_flags(CLI::App& app, StoryFlags& f) {
  const char* group = "Story";
  add_choice(app, "--policy", f.policy, kPolicies, "What the language model remembers")->group(group);
  add_number(app, "--window", f.window, Whole{1, 1000}, "Pictures it remembers whole")->group(group);

  group = "Pictures";
  add_number(app, "--steps", f.steps, kSteps, "Denoising steps")->group(group);
  add_choice(app, "--sampling-method", f.sampling_method, kSamplingMethods, "How a step is computed (default euler)")
      ->group(group);
  add_choice(app, "--scheduler", f.scheduler, kSigmaSchedules,
             "Noise levels of the steps (default discrete, the training's)")
      ->group(group);
  add_number(app, "--cfg-scale", f.cfg, kScale, "How strongly a picture follows the story; 1 is off")->group(group);
  // diffusers' names for the two, for commands that were written for it. Hidden; the description is whom it stands for.
  add_number(app, "--num-inference-steps", f.steps, kSteps, "--steps")->group("");
  add_number(app, "--guidance-scale", f.cfg, kScale, "--cfg-scale")->group("");
  add_number(app, "-W,--width", f.width, kSide, "Width in pixels; most models take multiples of 32")
      ->type_name("PIXELS")
      ->group(group);
  add_number(app, "-H,--height", f.height, kSide, "Height in pixels; most models take multiples of 32")
      ->type_name("PIXELS")
      ->group(group);
}

// Where the texts are given there is nothing to sample.
void add_sampling_flags(CLI::App& app, StoryFlags& f) {
  const char* group = "Sampling of tokens (greedy at --temp 0; what is not given is the model's)";
  add_number(app, "--temp", f.temperature, Real{0, 100}, "Temperature; 0 is greedy: the most probable token")
      ->group(group);
  add_number(app, "--top-k", f.top_k, Whole{0, std::numeric_limits<int>::max()},
             "Of the K most probable tokens; 0 is all")
      ->group(group);
  add_number(app, "--top-p", f.top_p, Real{0, 1}, "Of the most probable tokens that sum to P; 1 is all")->group(group);
  add_number(app, "--min-p", f.min_p, Real{0, 1}, "Of tokens at least P times as probable as the best; 0 is all")
      ->group(group);
  add_number(app, "--repeat-penalty", f.repeat_penalty, Real{0.01, 100},
             "Makes the last 64 tokens less probable; 1 is off (default 1)")
      ->group(group);
}

void add_output_flags(CLI::App& app, StoryFlags& f) {
  const char* group = "Output";
  app.add_flag("--dry-run", f.dry_run, "Only say what it would take, as `plan` does")->group(group);
  app.add_option("-o,--output", f.output,
                 "Folder for frames, story.json and story.html (default: named by the story); -: stdout, see --stream")
      ->type_name("DIR")
      ->group(group);
  app.add_flag("--force", f.force, "Replace another story in that folder")->group(group);
  add_choice(app, "--stream", f.stream, kStreamFormats, "With -o -, what stdout gets (default multipart)")
      ->group(group);
  app.add_option("--sheet", f.sheet, "Also all frames and texts on one PNG; a name alone is in the story's folder")
      ->expected(0, 1)
      ->default_str("sheet.png")
      ->type_name("FILE")
      ->group(group);
  add_choice(app, "--show", f.show, kWhen, "Frames in the terminal, if it is one that can show them (kitty's protocol)")
      ->group(group);
  app.add_flag("--json", f.json, "Print one JSON object a frame instead of the text")->group(group);
  add_choice(app, "--order", f.text_first, kOrders, "Text first: tell it all, then paint. Same files")->group(group);
  app.add_option("--trace", f.trace, "Write every stage's tensors to FILE (safetensors) and token ids to FILE.json")
      ->type_name("FILE")
      ->group(group);
}

void add_terminal_flags(CLI::App& app, TerminalFlags& f) {
  const char* group = "Messages";
  CLI::Option* verbose =
      app.add_flag("-v,--verbose", f.verbose, "Say more on stderr: the model, the seed, the time each frame took");
  verbose->group(group);
  app.add_flag("-q,--quiet", f.quiet, "Only warnings and errors on stderr")->excludes(verbose)->group(group);
  add_choice(app, "--color", f.color, kWhen, "Colours on stderr; auto: on a terminal, and NO_COLOR is not set")
      ->group(group);
  CLI::Option* json = app.add_flag("--progress-json", f.progress_json,
                                   "One JSON object a line on stderr instead of lines for a person");
  json->group(group);
  add_number(app, "--progress-fd", f.progress_fd, kDescriptor,
             "The same to this file descriptor, and stderr stays as it is")
      ->excludes(json)
      ->group(group);
  app.add_option("--log-file", f.log_file, "Append what stderr gets to FILE, each line with its time")
      ->type_name("FILE")
      ->group(group);
}

CLI::Option* add_device(CLI::App& app, std::string& device) {
  return app.add_option("--device", device, "auto is cpu until a card has run the CUDA backend")
      ->type_name(alternatives(names_in(kDevices)) + "[:N]");
}

CLI::Option* add_threads(CLI::App& app, int64_t& threads) {
  return add_number(app, "-t,--threads", threads, Whole{0, 1024}, "CPU threads; 0 is one a core");
}

CLI::Option* add_cpu(CLI::App& app, CpuSet& cpu) {
  return add_choice(app, "--cpu", cpu, kCpuSets, "Instructions of the CPU's kernels: auto is the best that it has");
}

CLI::Option* add_products(CLI::App& app, Products& products) {
  return add_choice(
      app, "--products", products, kProducts,
      "How the CPU multiplies by weights in q8 and q4: int8 rounds each row in blocks of 32, and is fast; "
      "f32 widens the weights, as a reference");
}

CLI::Option* add_cache_type(CLI::App& app, const char* which, std::optional<DType>& type) {
  return add_choice(app, fmt::format("--cache-type-{}", which), type, kCacheTypes,
                    fmt::format("(-ct{}) What the language model's {} are held in: default f32, on a card 16 bits",
                                which, *which == 'k' ? "keys" : "values"));
}

CLI::Option* add_type(CLI::App& app, std::string& type) {
  return app
      .add_option("--type", type,
                  "How the weights of products are held: f16 and bf16 take half the memory, q8 and q4 a quarter and an "
                  "eighth; auto is f16 on a card, bf16 where the CPU multiplies faster in it, else f32")
      ->type_name("auto|" + alternatives(names_in(kWeightFormats)));
}

CLI::Option* add_kernels(CLI::App& app, Kernels& kernels) {
  return add_choice(app, "--kernels", kernels, kKernels, "Whose kernels run on a card (default auto: ours)");
}

CLI::Option* add_compared_kernels(CLI::App& app, std::vector<Kernels>& kernels) {
  const auto take = [&kernels](const std::string& text) { kernels = parse_kernels_list(text); };
  return app
      .add_option_function<std::string>("--kernels", take,
                                        "Whose kernels run on a card (default auto: ours); ours,library times both, "
                                        "op by op in turn")
      ->type_name(alternatives(names_in(kKernels)) + "[,...]");
}

void add_machine_flags(CLI::App& app, StoryFlags& f) {
  const char* group = "Machine";
  add_device(app, f.device)->group(group);
  add_type(app, f.type)->group(group);
  add_cache_type(app, "k", f.cache_k)->group(group);
  add_cache_type(app, "v", f.cache_v)->group(group);
  add_threads(app, f.threads)->group(group);
  add_cpu(app, f.cpu)->group(group);
  add_products(app, f.products)->group(group);
  add_kernels(app, f.kernels)->group(group);
  app.add_flag("--cuda-sync", f.cuda_sync, "Wait after each op on a card, so that an error names the op that failed")
      ->group(group);
}

// Where a command's settings come from.
struct Sources {
  Path config;
  bool none = false;
};

// Of all commands that read the configuration file.
void add_shared_flags(CLI::App& sub, StoryFlags& f, Sources& sources) {
  sub.footer(footer());
  add_size_flags(sub, f);
  add_terminal_flags(sub, f.terminal);
  add_model_flags(sub, f);
  add_machine_flags(sub, f);
  CLI::Option* config =
      sub.add_option("--config", sources.config, "Configuration file (default: $XDG_CONFIG_HOME/seedstory/config.toml)")
          ->type_name("FILE")
          ->group("Machine");
  sub.add_flag("--no-settings", sources.none, "Only what the command line says: no configuration file, no variables")
      ->excludes(config)
      ->group("Machine");
}

// Of those that tell a story: what plan could only ignore.
void add_telling_flags(CLI::App& sub, StoryFlags& f) {
  add_seed_flags(sub, f);
  add_output_flags(sub, f);
  add_choice(sub, "--fit", f.may_stage, kOnOff,
             "on: what does not fit into memory at once is done in stages; off: as if all did")
      ->group("Machine");
}

CLI::App* add_generate(CLI::App& app, StoryFlags& f, Sources& sources) {
  CLI::App* sub = app.add_subcommand("generate", "Tell a story from a prompt and paint it");
  const char* group = "What to tell";
  CLI::Option* prompt = sub->add_option("-p,--prompt", f.prompt, "How the story starts")->type_name("TEXT");
  prompt->group(group);
  sub->add_option("-f,--prompt-file", f.prompt_file, "The same from a file; - is stdin")
      ->type_name("FILE")
      ->excludes(prompt)
      ->group(group);
  sub->add_option("-i,--image", f.image,
                  "Start from this picture (PNG, JPEG or WebP), which the prompt describes; - is stdin")
      ->type_name("FILE")
      ->group(group);
  add_number(*sub, "-n,--frames", f.frames, Whole{1, kMostFrames}, "Pictures to make (default 10)")->group(group);
  add_sampling_flags(*sub, f);
  add_telling_flags(*sub, f);
  add_shared_flags(*sub, f, sources);
  return sub;
}

CLI::App* add_visualize(CLI::App& app, StoryFlags& f, Sources& sources) {
  CLI::App* sub = app.add_subcommand("visualize", "Paint a story whose text is given");
  const char* group = "What to paint";
  sub->add_option("--captions", f.captions, "The texts, one a frame: paragraphs, or a JSON array; - is stdin")
      ->type_name("FILE")
      ->required()
      ->group(group);
  sub->add_option("-i,--image", f.image,
                  "Start from this picture (PNG, JPEG or WebP), which the first caption describes; - is stdin")
      ->type_name("FILE")
      ->group(group);
  add_number(*sub, "-n,--frames", f.frames, Whole{1, kMostFrames}, "Pictures to make at most (default: a caption each)")
      ->group(group);
  add_telling_flags(*sub, f);
  add_shared_flags(*sub, f, sources);
  return sub;
}

CLI::App* add_plan(CLI::App& app, StoryFlags& f, PlanFlags& p, Sources& sources) {
  CLI::App* sub = app.add_subcommand("plan", "Say what a story takes of memory and time before anything runs");
  const char* group = "What to plan for";
  add_number(*sub, "-n,--frames", f.frames, Whole{1, kMostFrames}, "Pictures to make (default 10)")->group(group);
  sub->add_option("-i,--image", f.image, "A story that starts from a picture")->type_name("FILE")->group(group);
  sub->add_option("--card", p.card, "Of a known card instead of this machine")->type_name(card_names())->group(group);
  add_number(*sub, "--memory", p.memory, Real{1e-9, 1e6}, "GiB to fit into (default: what is free)")
      ->type_name("GIB")
      ->group(group);
  sub->add_flag("--json", f.json, "Print JSON")->group("Output");
  add_shared_flags(*sub, f, sources);
  return sub;
}

CLI::App* add_inspect(CLI::App& app, InspectFlags& f) {
  CLI::App* sub = app.add_subcommand("inspect", "Say what is in a model, a weight file, a frame or a story");
  CLI::Option* path =
      sub->add_option("path", f.path, "A model or story folder, a weight file, story.json, or a picture");
  path->type_name("PATH");
  add_hf_repo(*sub, f.hf_repo)->excludes(path);
  sub->add_flag("--json", f.json, "Print JSON");
  sub->add_flag("--command", f.command, "Print only the command that makes the frame or story again");
  return sub;
}

// What may be asked of quantize.
constexpr WeightFormatChoice kBlockFormats[] = {row_of(WeightFormat::q8), row_of(WeightFormat::q4)};

// quantize and convert are one command: the first must be given a type.
template <class Table>
CLI::App* add_convert(CLI::App& app, const char* name, const char* about, ConvertFlags& f, const Table& types) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->footer(
      "Exit codes: 0 written, 1 it failed, 2 the command line is wrong, 3 the model or the output place is missing or "
      "invalid,\n130 or 75 stopped by a signal; nothing is left then.");
  CLI::Option* model = sub->add_option("model", f.model, "A model's folder, ours or the published layout");
  model->type_name("MODEL");
  add_hf_repo(*sub, f.hf_repo)->excludes(model);
  add_part_flags(*sub, f);
  sub->add_option("-o,--output", f.output, "The folder to write, in our layout")->type_name("DIR");
  sub->add_flag("--force", f.force, "Replace a model that one of the two commands wrote there");
  add_choice(*sub, "--type", f.type, types, "How the weights of products are written (convert: default as they are)");
  sub->add_option(
         "--keep", f.keep,
         "Weights that stay in 16 bits beside q8 and q4, or are =q8 or =q4, may be repeated: PART.NAME with * ? []")
      ->type_name("PATTERN[=TYPE]")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_choice(*sub, "--scales", f.scales, kScaleRules, "How q4 takes its scales (default least-error)");
  add_threads(*sub, f.threads);
  return sub;
}

CLI::App* add_doctor(CLI::App& app, DoctorFlags& f) {
  CLI::App* sub = app.add_subcommand("doctor", "Say what is there, what is missing, and the command that repairs it");
  sub->footer(
      "Exit codes: 0 a story could be told now, 3 not with this model or place, 4 not in this memory or device.");
  sub->add_flag("--json", f.json, "Print JSON");
  add_model_flags(*sub, f);
  add_device(*sub, f.device);
  return sub;
}

CLI::App* add_bench(CLI::App& app, BenchFlags& f) {
  CLI::App* sub = app.add_subcommand("bench", "Time the model's ops and stages beside the limits of what computes");
  sub->footer(
      "Exit codes: 0 done, 1 it failed, 2 the command line or an environment variable is wrong, 3 the model is missing "
      "or\ninvalid, 4 not enough memory or no such device.");
  sub->add_flag("--ops", f.ops, "Only ops, each at the shapes that the model has");
  sub->add_flag("--stages", f.stages, "Only whole stages: from the ViT to a whole frame");
  sub->add_option("--filter", f.filter, "Only entries with this in their name")->type_name("NAME");
  add_choice(*sub, "--format", f.format, kTableFormats, "How to print (default md)");
  add_number(*sub, "--repeat", f.repeat, Whole{1, 1000}, "Rounds; medians are over these (default 5)");
  sub->add_flag("--paper", f.paper,
                "Run nothing: what the CUDA kernels take on --card at the least, from counts of what they execute");
  sub->add_option("--card", f.card, "The card of --paper")->type_name(card_names());
  add_device(*sub, f.device);
  add_threads(*sub, f.threads);
  add_cpu(*sub, f.cpu);
  add_products(*sub, f.products);
  add_compared_kernels(*sub, f.compared);
  CLI::Option* type = add_type(*sub, f.type);
  type->type_name(type->get_type_name() + "[,...]")
      ->description(type->get_description() + "; several are timed op by op in turn");
  add_cache_type(*sub, "k", f.cache_k);
  add_cache_type(*sub, "v", f.cache_v);
  add_model_flags(*sub, f);
  return sub;
}

CLI::App* add_compare(CLI::App& bench, CompareFlags& f) {
  CLI::App* sub = bench.add_subcommand("compare", "Compare two files of bench --format json, entry by entry");
  sub->footer(
      "Exit codes: 0 compared, whatever the verdict, 2 the command line is wrong, 3 a file is missing or invalid.");
  sub->add_option("A.json", f.a, "What the other one is compared with, or both, of bench --kernels ours,library")
      ->type_name("FILE")
      ->required();
  sub->add_option("B.json", f.b, "Faster, slower, or within the noise of both")->type_name("FILE");
  add_choice(*sub, "--format", f.format, kTableFormats, "How to print (default md)");
  return sub;
}

// The commands that were asked for, each in front of its own.
std::vector<const CLI::App*> parsed_commands(const CLI::App& app) {
  std::vector<const CLI::App*> all;
  for (const CLI::App* sub : app.get_subcommands()) {
    all.push_back(sub);
    for (const CLI::App* below : parsed_commands(*sub)) all.push_back(below);
  }
  return all;
}

// "bench compare"
std::string path_of(const CLI::App& command) {
  const CLI::App* above = command.get_parent();
  return above && above->get_parent() ? path_of(*above) + " " + command.get_name() : command.get_name();
}

// llama.cpp's flags of one dash and more than one letter.
constexpr std::pair<std::string_view, const char*> kLongNames[] = {
    {"-hf", "--hf-repo"}, {"-ctk", "--cache-type-k"}, {"-ctv", "--cache-type-v"}};

// The arguments as CLI11 wants them: a command first, long names alone, and the last one first.
std::vector<std::string> words(int argc, const char* const* argv, const CommandDoc& program) {
  std::vector<std::string> all = with_command({argv + 1, argv + argc}, program);
  for (std::string& word : all)
    for (const auto& [flag, long_name] : kLongNames)
      if (word.substr(0, word.find('=')) == flag) word.replace(0, flag.size(), long_name);
  std::reverse(all.begin(), all.end());
  return all;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// A variable of the shell's that is not set leaves an empty word. CLI11 would take the word behind --flag= as its
// value.
void refuse_empty_flags(const CLI::App& app, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::string flag = word.ends_with('=') ? word.substr(0, word.size() - 1) : "";
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      if (flag.starts_with("--") && command->get_option_no_throw(flag)) fail_usage(flag + ": is empty");
  }
}

// CLI11 would take more words than the rest of the program does, and refuse others in its own.
void refuse_values_of_switches(const CLI::App& app, const std::vector<std::string>& words) {
  constexpr std::string_view kBooleans[] = {"true", "false", "1", "0", "on", "off", "yes", "no"};
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    const std::string flag = word.substr(0, equals), value = word.substr(equals + 1);
    const bool is_boolean = std::find(std::begin(kBooleans), std::end(kBooleans), value) != std::end(kBooleans);
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      if (const CLI::Option* option = command->get_option_no_throw(flag);
          option && !takes_value(*option) && !is_boolean && flag != "--help")
        fail_usage(flag + " " + value + ": expected true or false");
  }
}

void refuse_empty_values(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    for (const std::string& value : option->results())
      if (value.empty()) fail_usage(option->get_name() + ": is empty");
}

// A flag that a person may want every time. What only one story is about is not among them, nor what destroys.
bool is_setting(const CLI::Option& option) {
  constexpr std::string_view kOfOneStory[] = {"help",   "config", "prompt", "prompt-file", "captions",   "image",
                                              "output", "trace",  "force",  "dry-run",     "no-settings"};
  return !option.get_positional() && !option.get_lnames().empty() && !option.get_group().empty() &&
         std::find(std::begin(kOfOneStory), std::end(kOfOneStory), option.get_lnames()[0]) == std::end(kOfOneStory);
}

// doctor and bench, which read no file, know the variables of what they share with a story.
bool is_setting_without_file(const CLI::Option& option) {
  constexpr std::string_view kShared[] = {"model",     "hf-repo", "vit",  "llm",     "detokenizer", "unet",   "vae",
                                          "tokenizer", "device",  "type", "threads", "cpu",         "kernels"};
  return is_setting(option) &&
         std::find(std::begin(kShared), std::end(kShared), option.get_lnames()[0]) != std::end(kShared);
}

// What is asked for late, or not at all in this run, is a slip all the same.
void need_choice(const CLI::Option& option, const std::string& value) {
  const std::vector<std::string> words = choices(option.get_type_name());
  const std::string flag = option.get_name();
  if (words.empty() || option.get_positional()) return;
  if (flag == "--device")
    parse_device(value);
  else if (flag == "--card")
    find_card(value);
  else if (flag == "--type" && option.get_type_name().ends_with("[,...]"))
    parse_type_list(value);
  else if (flag == "--type")
    parse_type(value, WeightFormat::f32);
  else if (flag == "--kernels" && option.get_type_name().ends_with("[,...]"))
    parse_kernels_list(value);
  else if (std::find(words.begin(), words.end(), value) == words.end())
    fail_usage(flag + " " + value + ": expected " + one_of(words));
}

bool reads_model(const CLI::App& command) {
  return command.get_option_no_throw("--model");
}

CommandDoc describe(const CLI::App& command);

// What a command's flags are when the command line does not give them. Not by CLI11's envname() and set_config(): those
// let the file win over the environment, let a variable exclude a flag, and name neither in their errors.
class Settings {
 public:
  void apply(CLI::App& command, const Sources& sources) {
    if (sources.none) return;
    for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->count() > 0; }))
      typed_.insert(option->get_group().empty() ? option->get_description() : option->get_name());
    if (sources.config)
      read(command, *sources.config);
    else if (const auto file = config_file())
      read(command, file->string());
    read_variables(command, is_setting);
    for (const auto& [option, given] : chosen_)
      if (has_use(command, option->get_lnames()[0])) assign(*option, given);
  }

  void apply_variables(CLI::App& command) {
    for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->count() > 0; }))
      typed_.insert(option->get_name());
    read_variables(command, is_setting_without_file);
    for (const auto& [option, given] : chosen_) assign(*option, given);
  }

  // What a story would find wrong in the configuration file; empty: nothing.
  static std::string problem_of_file(CLI::App& command) {
    try {
      if (const auto file = config_file()) Settings().read(command, file->string());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // An error about a flag that was never typed names the place where its value came from.
  Error blame(const Error& error) const {
    const std::string message = error.what();
    const std::string flag = message.substr(0, message.find_first_of(" :"));
    if (error.kind != ErrorKind::usage) return error;
    const Given* place = nullptr;
    std::string rest = message.substr(flag.size());
    const bool is_typed = typed_.contains(flag);
    bool has_other = false;  // one that came from elsewhere
    for (const auto& [option, given] : chosen_) {
      const std::string name = "--" + option->get_lnames()[0];
      if (flag == name) place = &given;
      const std::string other = name + " " + given.value;
      if (const size_t at = rest.find(other); flag != name && at != std::string::npos) {
        rest.insert(at + other.size(), " (" + given.place + ")");
        has_other = true;
      }
    }
    // Where the two came from two places, both are named.
    for (const std::string& typed : typed_)
      if (const size_t at = rest.find(typed + " "); place && typed.starts_with("--") && at != std::string::npos)
        rest.insert(std::min(rest.find_first_of(" ;", at + typed.size() + 1), rest.size()), " (on the command line)");
    if (place) return {place->kind, place->place + rest};
    return has_other && is_typed ? Error(error.kind, flag + rest) : error;
  }

 private:
  struct Given {
    std::string value, place;
    ErrorKind kind;
  };

  // Every variable of the command is checked, also one that a flag overrules.
  void read_variables(CLI::App& command, bool (*is_read)(const CLI::Option&)) {
    for (CLI::Option* option : command.get_options([&](const CLI::Option* o) { return is_read(*o); })) {
      const std::string name = option->get_lnames()[0], variable = variable_of(name);
      const char* value = std::getenv(variable.c_str());
      if (!value) continue;
      if (!*value) fail_usage(variable + ": is empty");
      const Given given{value, variable, ErrorKind::usage};
      CLI::App& like = unused().like(command);
      check(like, *like.get_option("--" + name), given);
      choose(option, given);
    }
  }

  // What is said once for every story yields where this one cannot use it: with -o - stdout is a stream, else it is
  // not; --json has it for itself; and a library's kernels are a card's.
  bool has_use(CLI::App& command, const std::string& name) const {
    const auto typed = [&](const char* flag) -> std::string {
      const CLI::Option* option = command.get_option_no_throw(flag);
      return option && option->count() > 0 ? option->results().back() : "";
    };
    const bool streams = typed("--output") == "-";
    if (name == "stream") return streams;
    if (name == "show") return !streams && typed("--json").empty();
    if (name == "json") return !streams && typed("--show") != "on";
    if (name == "kernels") {
      const auto device = chosen_.find(command.get_option("--device"));
      return (device == chosen_.end() ? typed("--device") : device->second.value).starts_with("cuda");
    }
    return name != "sheet" || !streams;
  }

  static CLI::Option* find(CLI::App& command, const std::string& key) {
    CLI::Option* option = command.get_option_no_throw("--" + key);
    return option && is_setting(*option) && option->get_lnames()[0] == key ? option : nullptr;
  }

  // Every value of the file is checked, also one of a command that does not run now.
  void read(CLI::App& command, const std::string& file) {
    Unused& all = unused();
    std::vector<Setting> tables;
    const std::vector<Setting> settings = parse_config(read_user_text(file), file, &tables);
    for (const Setting& table : tables) need_table(all.app, table);
    for (const Setting& setting : settings) {
      bool is_known = false;
      const Given given{setting.value, setting.place + ": " + setting.key, ErrorKind::input};
      for (CLI::App* other : all.app.get_subcommands([](CLI::App*) { return true; })) {
        if (!setting.table.empty() && setting.table != other->get_name()) continue;
        if (setting.value.empty()) fail_input(given.place + ": is empty");
        CLI::Option* option = find(*other, setting.key);
        is_known = is_known || option;
        if (!option) continue;
        Given value = given;
        if (option->get_type_name() == "DIR" || option->get_type_name() == "FILE")
          value.value = shell_path(given.value);
        check(*other, *option, value);
        if (other->get_name() == command.get_name()) choose(find(command, setting.key), value);
      }
      if (!is_known) fail_input(given.place + ": " + no_setting(all.app, setting));
    }
  }

  static void need_table(CLI::App& app, const Setting& setting) {
    std::vector<std::string> known;
    for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
      known.push_back(command->get_name());
    if (std::find(known.begin(), known.end(), setting.table) != known.end()) return;
    const std::string meant = nearest(setting.table, known);
    constexpr std::string_view kOthers[] = {"inspect", "quantize",   "convert", "doctor", "bench",
                                            "version", "completion", "man",     "help"};
    const bool is_command = std::find(std::begin(kOthers), std::end(kOthers), setting.table) != std::end(kOthers);
    for (std::string& name : known) name = "[" + name + "]";
    fail_input(setting.place + ": [" + setting.table +
               "]: " + (is_command ? setting.table + " reads no configuration file" : std::string("no such command")) +
               "; expected " + one_of(known) + (meant.empty() || is_command ? "" : "; did you mean [" + meant + "]?"));
  }

  static std::string no_setting(CLI::App& app, const Setting& setting) {
    std::vector<std::string> known;
    for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
      const CLI::Option* option = command->get_option_no_throw("--" + setting.key);
      if (option && option->get_group().empty())
        return "no such setting; did you mean " + option->get_description().substr(2) + "? (see seedstory man)";
      if (option && option->get_lnames()[0] == setting.key && !is_setting(*option))
        return "is not a setting but what one story is about; it belongs on the command line";
      if (!setting.table.empty() && setting.table != command->get_name()) continue;
      for (const CLI::Option* o : command->get_options([](const CLI::Option* o) { return is_setting(*o); }))
        known.push_back(o->get_lnames()[0]);
    }
    return "no such setting" + did_you_mean(setting.key, known) + " (see seedstory man)";
  }

  // Commands that take a value like the program's, and nobody runs.
  struct Unused {
    CLI::App app, without_file;  // those that read the configuration file, and the others
    StoryFlags generate_flags, visualize_flags, planned_story;
    PlanFlags plan;
    DoctorFlags doctor;
    BenchFlags bench;
    Sources sources;
    Unused() {
      add_generate(app, generate_flags, sources);
      add_visualize(app, visualize_flags, sources);
      add_plan(app, planned_story, plan, sources);
      add_doctor(without_file, doctor);
      add_bench(without_file, bench);
    }

    CLI::App& like(const CLI::App& command) {
      const auto is_it = [&](const CLI::App* one) { return one->get_name() == command.get_name(); };
      for (CLI::App* all : {&app, &without_file})
        if (const auto found = all->get_subcommands(is_it); !found.empty()) return *found[0];
      fail("Settings: there is no command " + command.get_name());
    }
  };

  // Made where there is a value to check: it costs as much as the program's own commands.
  Unused& unused() {
    if (!unused_) unused_ = std::make_unique<Unused>();
    return *unused_;
  }

  static void check(const CLI::App& command, CLI::Option& option, const Given& given) {
    const std::string flag = "--" + option.get_lnames()[0];
    try {
      assign(option, given);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::usage) throw;
      const std::string message = with_choice(error, describe(command)).what();
      if (!message.starts_with(flag)) throw;
      throw Error(given.kind, given.place + message.substr(flag.size()));
    }
  }

  // The last one wins; the command line over all, also with a flag that excludes this one.
  void choose(CLI::Option* option, Given given) {
    // A flag that may stand alone (--sheet) may be true or false as well: with the value that it has alone, or not
    // there.
    if (takes_value(*option) && option->get_items_expected_min() == 0) {
      if (given.value == "false") return;
      if (given.value == "true") given.value = option->get_default_str();
    }
    const auto typed = [&](const CLI::Option* o) { return typed_.contains(o->get_name()); };
    const auto excluded = option->get_excludes();
    if (typed(option) || std::any_of(excluded.begin(), excluded.end(), typed)) return;
    for (CLI::Option* other : excluded) chosen_.erase(other);
    chosen_[option] = std::move(given);
  }

  static void assign(CLI::Option& option, const Given& given) {
    const bool is_known = takes_value(option) || given.value == "true" || given.value == "false" ||
                          given.value == "1" || given.value == "0";
    try {
      if (!is_known) throw CLI::ConversionError(given.value);
      option.run_callback_for_default()->default_val(given.value);
      need_choice(option, given.value);
    } catch (const CLI::Error&) {
      const std::string expected = takes_value(option)
                                       ? "a value for --" + option.get_lnames()[0] + " " + option.get_type_name()
                                       : "true or false";
      throw Error(given.kind, given.place + " " + given.value + ": expected " + expected);
    }
  }

  std::unique_ptr<Unused> unused_;
  std::set<std::string> typed_;
  std::map<CLI::Option*, Given> chosen_;
};

FlagDoc describe(const CLI::Option& option, bool has_variable) {
  FlagDoc doc{.names = {},
              .type = takes_value(option) ? option.get_type_name() : "",
              .about = option.get_description(),
              .group = option.get_group(),
              .has_place = option.get_positional()};
  for (const std::string& name : option.get_snames()) doc.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) doc.names.push_back("--" + name);
  if (doc.has_place) doc.names = {option.get_name(true)};
  if (has_variable) doc.environment = variable_of(option.get_lnames()[0]);
  const auto explain = [&, names = choices(doc.type)](const auto& table) {
    if (names == names_in(table))
      for (const auto& row : table) doc.choices.emplace_back(row.name, row.about);
  };
  explain(kPolicies), explain(kNoiseSources), explain(kSamplingMethods), explain(kSigmaSchedules);
  explain(kStreamFormats), explain(kOrders), explain(kDevices), explain(kCpuSets), explain(kProducts),
      explain(kKernels), explain(kScaleRules);
  return doc;
}

// What is hidden from the help is hidden here.
CommandDoc describe(const CLI::App& command) {
  CommandDoc doc{.name = command.get_name(), .about = command.get_description(), .flags = {}, .commands = {}};
  const bool reads_file = command.get_option_no_throw("--config"), reads_variables = reads_model(command);
  for (const CLI::Option* option : command.get_options())
    if (!option->get_group().empty())
      doc.flags.push_back(describe(*option, reads_file        ? is_setting(*option)
                                            : reads_variables ? is_setting_without_file(*option)
                                                              : false));
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); }))
    doc.commands.push_back(describe(*sub));
  return doc;
}

// --prompt --frames 3: CLI11 takes the second flag for the first one's value.
void refuse_flags_as_values(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return takes_value(*o); }))
    for (const std::string& value : option->results())
      if (value.starts_with("--") && command.get_option_no_throw(value))
        fail_usage(option->get_name() + ": " + value + " came, expected " + option->get_type_name());
}

// A card of plan's or of bench's paper is another machine.
void refuse_flags_of_here(const CLI::App& command) {
  for (const char* flag : {"--threads", "--cpu", "--device", "--kernels", "--repeat"})
    if (command.get_option_no_throw(flag) && command.count(flag) > 0)
      fail_usage(std::string(flag) + ": not with --card, which is another machine");
}

// CLI11's own exit codes start at 100; a wrong command line is 2 here, said in one line. What is unknown comes first:
// a misspelt flag is missing under its own name as well.
[[noreturn]] void refuse(const CLI::App& app, const CLI::ParseError& error) {
  std::string command = "seedstory";
  for (const CLI::App* sub : parsed_commands(app)) {
    command = "seedstory " + path_of(*sub);
    refuse_flags_as_values(*sub);
    const CLI::Option* prompt = sub->get_option_no_throw("--prompt");
    if (sub->remaining_size() > 0)
      refuse_words(sub->remaining(), describe(app), path_of(*sub),
                   prompt && prompt->count() > 0 ? prompt->results().back() : "");
  }
  std::string message = error.what();
  for (const CLI::App* sub : parsed_commands(app))
    for (const CLI::Option* option : sub->get_options()) {
      const std::string type = option->get_type_name();
      const bool says_what = option->get_positional() && type == "FILE";  // its name: A.json
      if (message == option->get_name() + " is required" && !says_what)
        message = (option->get_positional() ? "" : option->get_name() + " ") + type + " is required";
      if (message.starts_with(option->get_name() + ": ") && message.ends_with(" missing"))
        message = option->get_name() + ": expected " + type + " behind it";
    }
  fail_usage(message + " (see " + command + " --help)");
}

// What a flag's default is where only the model knows it: that of the one that ships, beside the word that it is the
// model's. Reading it costs some milliseconds, so only the help does.
void show_model_defaults(CLI::App& app) {
  ModelConfig model;
  try {
    model = open_model(find_model({})).config;
  } catch (const Error&) {
    return;  // the help is for those as well who have no model
  }
  const Defaults& d = model.defaults;
  const std::pair<const char*, std::string> defaults[] = {{"--policy", std::string(name_of(kPolicies, d.policy))},
                                                          {"--window", std::to_string(d.window)},
                                                          {"--steps", std::to_string(d.steps)},
                                                          {"--cfg-scale", fmt::format("{}", d.cfg)},
                                                          {"--width", std::to_string(d.width)},
                                                          {"--height", std::to_string(d.height)},
                                                          {"--temp", fmt::format("{}", d.temperature)},
                                                          {"--top-k", std::to_string(d.top_k)},
                                                          {"--top-p", fmt::format("{}", d.top_p)},
                                                          {"--min-p", fmt::format("{}", d.min_p)}};
  for (CLI::App* command : app.get_subcommands([](CLI::App* a) { return a->get_option_no_throw("--config"); }))
    for (const auto& [name, value] : defaults)
      if (CLI::Option* option = command->get_option_no_throw(name))
        option->description(option->get_description() + " (default: the model's; " + model.name + ": " + value + ")");
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

// The program's flags and what they say, from the words to the command that they ask for.
class Program {
 public:
  Program();

  bool lists_devices() const { return list_devices_; }
  // Nothing: there is a command to run. Else everything is said, and this is the exit code.
  std::optional<int> parse(int argc, const char* const* argv);
  // What no word says comes from the configuration file and from variables; then the values must go together.
  void settle(Terminal& terminal);
  int run_command(const Backends& backends, Terminal& terminal);

  // The error with the place that its value came from, and what may have been meant.
  Error blame(const Error& error) const {
    return settings_.blame(with_choice(error, describe(*app_.get_subcommands().front())));
  }

 private:
  void settle_story(CLI::App& command, StoryFlags& flags, Terminal& terminal);

  CLI::App app_{"Tells illustrated stories with SEED-Story.", "seedstory"};
  Settings settings_;
  Sources sources_;
  StoryFlags generate_flags_, visualize_flags_, planned_story_;
  PlanFlags plan_flags_;
  InspectFlags inspect_flags_;
  ConvertFlags quantize_flags_, convert_flags_;
  DoctorFlags doctor_flags_;
  BenchFlags bench_flags_;
  CompareFlags compare_flags_;
  bool version_json_ = false, list_devices_ = false;
  std::string shell_, help_of_;
  CLI::App *generate_, *visualize_, *inspect_, *quantize_, *convert_, *plan_, *doctor_, *bench_, *compare_, *version_,
      *completion_, *man_;
};

Program::Program() {
  app_.set_version_flag("-V,--version", std::string("seedstory ") + kBuildInfo.version);
  app_.add_flag("--list-devices", list_devices_, "Print what a story can be told on, and exit");
  app_.footer(footer());
  app_.require_subcommand(1);
  // As other tools have it, so that an alias's flags can be overruled.
  app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);

  generate_ = add_generate(app_, generate_flags_, sources_);
  visualize_ = add_visualize(app_, visualize_flags_, sources_);
  inspect_ = add_inspect(app_, inspect_flags_);
  quantize_ =
      add_convert(app_, "quantize", "Write a model with its weights in q8 or q4, for half or a quarter of bf16's bytes",
                  quantize_flags_, kBlockFormats);
  convert_ = add_convert(app_, "convert", "Write a model in our layout, LoRA merged: the same bits when it is loaded",
                         convert_flags_, kWeightFormats);
  plan_ = add_plan(app_, planned_story_, plan_flags_, sources_);
  doctor_ = add_doctor(app_, doctor_flags_);
  bench_ = add_bench(app_, bench_flags_);
  compare_ = add_compare(*bench_, compare_flags_);
  version_ = app_.add_subcommand("version", "Say what this build is and can do");
  version_->add_flag("--json", version_json_, "Print JSON");
  completion_ = app_.add_subcommand("completion", "Print a script that completes commands and flags");
  completion_->add_option("shell", shell_, "For which shell")->type_name("bash|zsh|fish")->required();
  man_ = app_.add_subcommand("man", "Print the manual page, for man(1)");
  std::string commands;
  for (const CommandDoc& command : describe(app_).commands) commands += (commands.empty() ? "" : "|") + command.name;
  app_.add_subcommand("help", "Print the flags of a command")
      ->add_option("command", help_of_, "Of which command")
      ->type_name(commands);
}

std::optional<int> Program::parse(int argc, const char* const* argv) {
  if (argc < 2) return print(front_page(describe(app_)));
  try {
    std::vector<std::string> all = words(argc, argv, describe(app_));
    const auto asks = [&](const char* word) { return std::find(all.begin(), all.end(), word) != all.end(); };
    if (asks("--help") || asks("-h") || all.back() == "man") show_model_defaults(app_);
    if (all.size() == 1 && asks("--list-devices")) app_.require_subcommand(0);
    refuse_empty_flags(app_, all);
    refuse_values_of_switches(app_, all);
    app_.parse(std::move(all));
  } catch (const CLI::Success& asked_for_help) {
    return app_.exit(asked_for_help);
  } catch (const CLI::ParseError& error) {
    refuse(app_, error);
  }
  for (const CLI::App* command : parsed_commands(app_)) {
    refuse_empty_values(*command);
    refuse_flags_as_values(*command);
  }
  return std::nullopt;
}

void Program::settle(Terminal& terminal) {
  for (const CLI::App* command : app_.get_subcommands())
    for (const CLI::Option* option : command->get_options())
      for (const std::string& value : option->results()) need_choice(*option, value);
  if (generate_->parsed()) settle_story(*generate_, generate_flags_, terminal);
  if (visualize_->parsed()) settle_story(*visualize_, visualize_flags_, terminal);
  if (plan_->parsed()) settle_story(*plan_, planned_story_, terminal);
  if (const CLI::App* command = app_.get_subcommands().front(); reads_model(*command) && !sources_.none)
    for (const std::string& line : unknown_variables(describe(app_))) terminal.warn(line);
  if (compare_->parsed()) {
    for (const CLI::Option* option : bench_->get_options([](const CLI::Option* o) { return o->count() > 0; }))
      fail_usage(option->get_name() + ": not in front of compare; seedstory bench compare --help has its flags");
    return;
  }
  if (bench_flags_.paper && !bench_flags_.card) fail_usage("--paper: needs --card NAME");
  if (bench_flags_.card && !bench_flags_.paper) fail_usage("--card: only with --paper");
  if (bench_flags_.paper) refuse_flags_of_here(*bench_);
  for (CLI::App* command : {doctor_, bench_})
    if (command->parsed()) settings_.apply_variables(*command);
}

// A flag without use is refused where it was typed; as a setting it is for other stories.
void Program::settle_story(CLI::App& command, StoryFlags& flags, Terminal& terminal) {
  const bool has_window = command.count("--window") > 0;
  const bool has_tokens = &command == visualize_ && command.count("--max-tokens") > 0;
  if (&command == plan_ && plan_flags_.card) refuse_flags_of_here(command);
  settings_.apply(command, sources_);
  if (has_window && flags.policy == Policy::dense)
    fail_usage("--window: not with --policy dense, which forgets nothing");
  if (has_tokens && flags.policy != Policy::compat_vis)
    fail_usage("--max-tokens: not with visualize, whose texts are given, but with --policy compat_vis");
  need_distinct_files(flags, sources_.config, flags.output.value_or("-") == "-" ? "" : *flags.output);
  terminal.set_up(flags.terminal);
}

int Program::run_command(const Backends& backends, Terminal& terminal) {
  if (generate_->parsed())
    return generate_flags_.dry_run ? plan(generate_flags_, {}, backends)
                                   : generate(generate_flags_, backends, terminal);
  if (visualize_->parsed()) return visualize(visualize_flags_, backends, terminal);
  if (plan_->parsed()) return plan(planned_story_, plan_flags_, backends);
  if (inspect_->parsed()) return inspect(inspect_flags_);
  if (quantize_->parsed()) return convert(quantize_flags_, "quantize", backends);
  if (convert_->parsed()) return convert(convert_flags_, "convert", backends);
  if (doctor_->parsed()) return doctor(doctor_flags_, Settings::problem_of_file(*generate_), backends);
  if (compare_->parsed()) return bench_compare(compare_flags_);
  if (bench_->parsed()) return bench_flags_.paper ? bench_paper(bench_flags_) : bench(bench_flags_, backends);
  if (completion_->parsed()) return print(completion(describe(app_), shell_));
  if (man_->parsed()) return print(man_page(describe(app_), kBuildInfo.version));
  return version(version_json_, backends);
}

}  // namespace

int run_words(int argc, const char* const* argv, const Backends& backends, Terminal& terminal) {
  Program program;
  if (const auto code = program.parse(argc, argv)) return *code;
  if (program.lists_devices()) return list_devices(backends);
  try {
    program.settle(terminal);
    return program.run_command(backends, terminal);
  } catch (const Error& error) {
    throw program.blame(error);
  }
}

}  // namespace seedstory
