// What the command line says, before anything is opened. Absent means: the model's default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/terminal.h"

namespace seedstory {

struct ModelFlags {
  std::optional<std::string> model, hf_repo;  // at most one of the two
  std::optional<std::string> vit, llm, unet, vae, detokenizer, tokenizer;
};

struct StoryFlags : ModelFlags {
  std::optional<std::string> prompt, prompt_file;  // generate
  std::optional<std::string> captions;             // visualize
  std::optional<std::string> image, output, trace, stream, sheet;

  std::optional<int64_t> frames, steps, width, height, window, max_tokens;
  std::optional<int64_t> seed;  // -1: draw one
  bool seed_per_frame = false;
  std::optional<double> cfg;
  std::optional<std::string> policy, rng, sampling_method, scheduler;
  std::optional<double> temperature, top_p, min_p, repeat_penalty;
  std::optional<int64_t> top_k;

  std::string fit = "on", type = "auto", device = "auto", cpu = "auto", order = "interleaved";
  int64_t threads = 0;
  std::string show = "auto";
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

struct DoctorFlags : ModelFlags {
  std::string device = "auto";
  bool json = false;
};

struct BenchFlags : ModelFlags {
  bool ops = false, stages = false;  // neither: both
  std::string filter, format = "md", type = "auto", cpu = "auto";
  int64_t threads = 0, repeat = 5;
};

int generate(const StoryFlags& flags, const Backends& backends, Terminal& terminal);
int visualize(const StoryFlags& flags, const Backends& backends, Terminal& terminal);
int plan(const StoryFlags& flags, const PlanFlags& plan, const Backends& backends,
         const std::vector<std::string>& captions = {});
int inspect(const InspectFlags& flags);
int doctor(const DoctorFlags& flags, const Backends& backends);
int bench(const BenchFlags& flags, const Backends& backends);
int version(bool json, const Backends& backends);
std::string build_line();  // "seedstory 0.1.0 (commit 0123abc, GNU 12.2.0, Release)"

}  // namespace seedstory
