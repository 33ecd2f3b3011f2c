// plan: what a story will take of memory and time, stage by stage, before anything is read.
#include "story/plan.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/flags.h"
#include "cli/places.h"
#include "cli/request.h"
#include "cli/terminal.h"

namespace seedstory {
namespace {

// By their data sheets: dense bf16 tensor cores and memory. Limits, not what our kernels reach.
struct Card {
  const char* name;
  double gib, teraflops, terabytes;
};
constexpr Card kCards[] = {
    {"h200", 141e9 / (1 << 30), 989, 4.8},
    {"h100", 80, 989, 3.35},
    {"a100", 80, 312, 2.04},
    {"a100-40", 40, 312, 1.56},
    {"l40s", 48, 362, 0.864},
    {"4090", 24, 165, 1.01},
    {"3090", 24, 71, 0.936},
    {"t4", 16, 65, 0.32},
};

const Card& find_card(const std::string& name) {
  std::string known;
  for (const Card& card : kCards) {
    if (name == card.name) return card;
    known += (known.empty() ? "" : ", ") + std::string(card.name);
  }
  fail_usage(fmt::format("--card {}: expected one of {}", name, known));
}

std::string duration(double seconds) {
  if (seconds < 0.095) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 95) return fmt::format("{:.2g} s", seconds);
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

struct Machine {
  std::string name;
  int64_t free_bytes;
  Rates rates;
};

Machine find_machine(const StoryFlags& flags, const PlanFlags& plan, DType type, const Backends& backends) {
  Machine machine;
  if (plan.card) {
    const Card& card = find_card(*plan.card);
    machine = {.name = std::string(card.name) + " at the limits of its data sheet",
               .free_bytes = int64_t(card.gib * double(1 << 30)),
               .rates = {.flops = card.teraflops * 1e12, .bytes = card.terabytes * 1e12}};
  } else {
    const Device device = parse_device(flags.device);
    const auto backend = device.cuda ? backends.cuda(device.index) : backends.cpu(int(flags.threads), flags.cpu);
    machine = {.name = backend->name(), .free_bytes = backend->free_bytes(), .rates = measure_rates(*backend, type)};
  }
  if (plan.memory) {
    if (!(*plan.memory > 0)) fail_usage(fmt::format("--memory {}: expected GiB over 0", *plan.memory));
    machine.free_bytes = int64_t(*plan.memory * double(1 << 30));
  }
  return machine;
}

const char* kParts[] = {"ViT", "LLM, resamplers", "adapter, UNet, VAE"};

void print_table(const Plan& plan, const StoryRequest& request, const Machine& machine) {
  fmt::print("{:<6} {:<19} {:>12} {:>12} {:>12}   {}\n", "stage", "parts", "weights GiB", "work GiB", "sum GiB",
             "time");
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    fmt::print("{:<6} {:<19} {:>12.3f} {:>12.3f} {:>12.3f}   {} {}\n", name_of(kStages[i]), kParts[i],
               gib(stage.weight_bytes), gib(stage.work_bytes), gib(stage.bytes()), duration(stage.seconds),
               i == 0 ? "a picture" : "a frame");
  }
  fmt::print("all at once {:.3f} GiB, in stages {:.3f} GiB, free {:.3f} GiB\n", gib(plan.bytes_at_once()),
             gib(plan.bytes_in_stages()), gib(machine.free_bytes));
  fmt::print("{} frames of {}x{}, {} steps: about {}, without reading the weights\n", request.frames, request.width,
             request.height, request.steps, duration(plan.seconds(request)));
}

nlohmann::ordered_json to_json(const Plan& plan, const StoryRequest& request, const Machine& machine, Fit fit) {
  nlohmann::ordered_json json{{"machine", machine.name}, {"free_bytes", machine.free_bytes}};
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    json["stages"][name_of(kStages[i])] = {
        {"weight_bytes", stage.weight_bytes}, {"work_bytes", stage.work_bytes}, {"seconds", stage.seconds}};
  }
  json["bytes_at_once"] = plan.bytes_at_once();
  json["bytes_in_stages"] = plan.bytes_in_stages();
  json["seconds"] = plan.seconds(request);
  json["fits"] = fit == Fit::at_once ? "at once" : fit == Fit::in_stages ? "in stages" : "no";
  return json;
}

}  // namespace

int plan(const StoryFlags& flags, const PlanFlags& asked, const Backends& backends) {
  const DType type = parse_type(flags.type, backends.cpu_type(flags.cpu));
  const ModelDir model = open_model(find_model(flags));
  const StoryRequest request = make_request(flags, model.config, {});
  const Machine machine = find_machine(flags, asked, type, backends);
  const Plan plan = make_plan(model, request, type, machine.rates);
  const Fit fit = fit_into(plan, machine.free_bytes);
  if (flags.json) {
    fmt::print("{}\n", to_json(plan, request, machine, fit).dump(2));
  } else {
    fmt::print("{} in {} on {}\n\n", printable(model.config.name), name_of(type), machine.name);
    print_table(plan, request, machine);
    if (fit != Fit::none)
      fmt::print("fits {}\n",
                 fit == Fit::at_once ? "at once" : "in stages: text first, and each part is dropped after its turn");
  }
  std::fflush(stdout);
  if (fit == Fit::none) fail_resource(too_large(plan, machine.free_bytes, type));
  return 0;
}

}  // namespace seedstory
