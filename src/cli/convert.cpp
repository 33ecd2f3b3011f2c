// quantize and convert: a model as one of our folders.
#include "load/convert.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/cli.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "cli/terminal.h"
#include "io/new_folder.h"
#include "load/model_check.h"
#include "load/model_json.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

void check_flags(const ConvertFlags& f, const std::string& command) {
  const auto need = [&](bool given, const char* what) {
    if (!given) fail_usage(fmt::format("{} is required (see seedstory {} --help)", what, command));
  };
  need(f.model || f.hf_repo, "MODEL");
  need(f.output.has_value(), "--output DIR");
  need(f.type || command != "quantize", "--type q8 or q4");
  if (!f.keep.empty() && (!f.type || row_of(*f.type).block == 0)) fail_usage("--keep: only with --type q8 or q4");
  if (f.scales && f.type != WeightFormat::q4) fail_usage("--scales: only with --type q4");
}

// A pattern that fits no weight is a slip: the weight that was meant would be rounded.
std::vector<KeepRule> keep_rules(const std::vector<std::string>& texts, const ModelDir& model) {
  const std::vector<std::string> names = weight_names(model);
  std::vector<KeepRule> rules;
  for (const std::string& text : texts) {
    const auto rule = keep_rule(text);
    if (!rule) fail_usage(fmt::format("--keep {}: expected {}", text, kKeepRules));
    if (std::none_of(names.begin(), names.end(), [&](const std::string& name) { return rule->fits(name); }))
      fail_usage(fmt::format("--keep {}: no weight of a product has such a name; one is {}", text, names.front()));
    rules.push_back(*rule);
  }
  return rules;
}

ModelDir open_whole_model(const ModelPaths& paths) {
  ModelCheck check = check_model(paths);
  for (const ModelPart& part : check.parts)
    if (!part.problem.empty()) fail_input(part.problem);
  return std::move(check.model);
}

void print_files(const std::vector<WrittenFile>& files) {
  int64_t sum = 0;
  for (const WrittenFile& file : files) {
    sum += file.bytes;
    fmt::print("{:<24} {:>14} bytes{}\n", file.name, file.bytes,
               file.rounded == 0 ? ""
                                 : fmt::format(", {} rounded, relative RMS error {:.3e}",
                                               counted(file.rounded, "tensor"), file.rms_error));
  }
  fmt::print("{:<24} {:>14} bytes\n", "all", sum);
}

}  // namespace

int convert(const ConvertFlags& f, const std::string& command, const Backends& backends) {
  check_flags(f, command);
  listen_for_stop();
  const ModelPaths paths = find_model(f);
  say_on_stderr(paths.note);
  std::error_code none;
  if (fs::equivalent(paths.dir, *f.output, none))
    fail_usage(fmt::format("--output {}: is the model itself, expected another folder", *f.output));
  NewFolder folder(*f.output, {std::begin(kModelFiles), std::end(kModelFiles)}, f.force);
  const ModelDir model = open_whole_model(paths);
  const std::vector<KeepRule> keep = keep_rules(f.keep, model);
  finish_frames_before_stop();  // here the folder, which is taken away again
  const auto threads = backends.cpu(int(f.threads), CpuSet::automatic, Products::int8);
  const auto written = convert_model(model,
                                     {.type = f.type,
                                      .keep = keep,
                                      .scales = f.scales.value_or(ScaleRule::least_error),
                                      .wants_stop = [] { return stop_asked() != 0; }},
                                     *threads, folder.path());
  if (!written) {
    say_on_stderr("stopped; nothing is left");
    return stop_asked();
  }
  folder.commit();
  print_files(*written);
  return 0;
}

}  // namespace seedstory
