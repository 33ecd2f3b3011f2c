// What the command line says, before anything is opened. Absent means: the model's default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "model/quantize.h"
#include "request/choices.h"

namespace seedstory {

struct ModelFlags {
  std::optional<std::string> model, hf_repo;  // at most one of the two
  std::optional<std::string> vit, llm, unet, vae, detokenizer, tokenizer;
};

// What computes, and in which numbers.
struct MachineFlags {
  std::string type = "auto", device = "auto";
  CpuSet cpu = CpuSet::automatic;
  Products products = Products::int8;
  std::optional<DType> cache_k, cache_v;  // absent: as the activations are
  int64_t threads = 0;
  bool cuda_sync = false;
  Kernels kernels = Kernels::automatic;  // not of bench
};

struct StoryFlags : ModelFlags, MachineFlags {
  std::optional<std::string> prompt, prompt_file;  // generate
  std::optional<std::string> captions;             // visualize
  std::optional<std::string> image, output, trace, sheet;
  std::optional<StreamFormat> stream;

  std::optional<int64_t> frames, steps, width, height, window, max_tokens;
  std::optional<int64_t> seed;  // -1: draw one
  bool seed_per_frame = false;
  std::optional<double> cfg;
  std::optional<Policy> policy;
  std::optional<NoiseSource> rng;
  std::optional<SamplingMethod> sampling_method;
  std::optional<SigmaSchedule> scheduler;
  std::optional<double> temperature, top_p, min_p, repeat_penalty;
  std::optional<int64_t> top_k;

  bool may_stage = true, text_first = false;
  When show = When::automatic;
  bool dry_run = false, force = false, json = false;
  TerminalFlags terminal;
};

struct PlanFlags {
  std::optional<std::string> card;
  std::optional<double> memory;  // GiB
};

struct InspectFlags {
  std::optional<std::string> path, hf_repo;  // one of the two
  bool json = false, command = false;
};

// quantize and convert.
struct ConvertFlags : ModelFlags {
  std::optional<WeightFormat> type;  // absent: as the model has it
  std::vector<std::string> keep;
  std::optional<ScaleRule> scales;  // of q4; absent: of least error
  std::optional<std::string> output;
  bool force = false;
  int64_t threads = 0;
};

struct DoctorFlags : ModelFlags {
  std::string device = "auto";
  bool json = false;
};

struct BenchFlags : ModelFlags, MachineFlags {
  bool ops = false, stages = false;  // neither: both
  std::vector<Kernels> compared = {Kernels::automatic};
  std::string filter;
  TableFormat format = TableFormat::md;
  int64_t repeat = 5;
  bool paper = false;
  std::optional<std::string> card;  // of the paper
};

struct CompareFlags {
  std::string a;                 // files
  std::optional<std::string> b;  // absent: the first one holds both
  TableFormat format = TableFormat::md;
};

// Does what the words ask for. The exit code; an Error is for the caller to report.
int run_words(int argc, const char* const* argv, const Backends& backends, Terminal& terminal);

int generate(const StoryFlags& flags, const Backends& backends, Terminal& terminal);
int visualize(const StoryFlags& flags, const Backends& backends, Terminal& terminal);
int plan(const StoryFlags& flags, const PlanFlags& plan, const Backends& backends,
         const std::vector<std::string>& captions = {});
int inspect(const InspectFlags& flags);
int convert(const ConvertFlags& flags, const std::string& command, const Backends& backends);
// `config_problem`: what is wrong with the configuration file; empty: nothing.
int doctor(const DoctorFlags& flags, const std::string& config_problem, const Backends& backends);
int bench(const BenchFlags& flags, const Backends& backends);
int bench_paper(const BenchFlags& flags);
int bench_compare(const CompareFlags& flags);
int version(bool json, const Backends& backends);
int list_devices(const Backends& backends);
std::string build_line();  // "seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, Release)"

}  // namespace seedstory
