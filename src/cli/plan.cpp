// plan: what a story will take of memory and time, stage by stage, before anything is read.
#include "story/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "cli/cards.h"
#include "cli/flags.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "model/quantize.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

std::string duration(double seconds) {
  if (seconds < 0.095) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 95) return fmt::format("{:.2g} s", seconds);
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

// A card of plan's is no machine that a time was measured on.
const char* const kNotMeasured = "what a card really does was not measured yet";

struct Machine {
  std::string name;
  int64_t free_bytes;
  Rates rates;
  std::unique_ptr<Backend> backend;  // none of a card's data sheet
};

Machine find_machine(const StoryFlags& flags, const PlanFlags& plan, const Device& device, const StageTypes& types,
                     const Backends& backends) {
  Machine machine;
  if (plan.card) {
    const Card& card = find_card(*plan.card);
    machine = {.name = std::string(card.name) + " at the limits of its data sheet",
               .free_bytes = int64_t(card.gib * double(1 << 30)),
               .rates = {.flops = card.teraflops * 1e12, .bytes = card.terabytes * 1e12},
               .backend = nullptr};
  } else {
    auto backend = make_backend(device, flags, backends);
    machine = {
        .name = backend->name(), .free_bytes = backend->free_bytes(), .rates = measure_rates(*backend, types.language)};
    machine.backend = std::move(backend);
  }
  if (plan.memory) machine.free_bytes = int64_t(*plan.memory * double(1 << 30));
  return machine;
}

std::string part_list(const Plan& plan) {
  std::string list;
  for (const StagePlan& stage : plan.stages)
    for (const auto& [part, bytes] : stage.parts)
      list += fmt::format("{}{} {:.3f}", list.empty() ? "" : ", ", part, gib(bytes));
  return list;
}

void print_sum(const Plan& plan) {
  fmt::print("all at once {:.3f} GiB, in stages {:.3f} GiB", gib(plan.bytes_at_once()), gib(plan.bytes_in_stages()));
}

void print_table(const Plan& plan, const StoryRequest& request, const Machine& machine) {
  fmt::print("{:<9} {:<19} {:>12} {:>12} {:>12}   {}\n", "stage", "parts", "weights GiB", "work GiB", "sum GiB",
             "time");
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    fmt::print("{:<9} {:<19} {:>12.3f} {:>12.3f} {:>12.3f}   {} {}\n", kStages[i].name, kStages[i].about,
               gib(stage.weight_bytes), gib(stage.work_bytes + stage.scratch_bytes), gib(stage.bytes()),
               duration(stage.seconds), i == 0 ? "a picture" : "a frame");
  }
  fmt::print("weights GiB: {}\n", part_list(plan));
  print_sum(plan);
  fmt::print(", free {:.3f} GiB\n", gib(machine.free_bytes));
  fmt::print("{} of {}x{}, {}: about {}, without reading the weights\n", counted(request.frames, "frame"),
             request.width, request.height, counted(request.steps, "step"), duration(plan.seconds(request)));
}

// The other types that this model can be held in; not each k is a multiple of 32, and what is in q8 or q4 already is
// rounded no more.
std::vector<std::pair<WeightFormat, Plan>> other_types(const ModelDir& model, const StoryRequest& request,
                                                       const Device& device, WeightFormat type,
                                                       const MachineFlags& flags, const Backend* backend) {
  std::vector<std::pair<WeightFormat, Plan>> plans;
  for (const auto& row : kWeightFormats) try {
      if (row.value != type && (!model.weights || may_become(*model.weights, row.value)))
        plans.emplace_back(row.value, make_plan(model, request, stage_types(device, row.value, flags), backend));
    } catch (const Error& error) {
      if (error.kind != ErrorKind::input || row.block == 0) throw;
    }
  return plans;
}

// The first thing that a person wants to know. Of two other types that fit better, the one that takes more bits.
std::string verdict(Fit fit, WeightFormat type, const std::vector<std::pair<WeightFormat, Plan>>& others,
                    int64_t free_bytes) {
  if (fit == Fit::at_once) return "fits at once";
  const std::string here = fit == Fit::in_stages ? "fits in stages" : fmt::format("does not fit in {}", name_of(type));
  const std::pair<WeightFormat, Plan>* better = nullptr;
  for (const auto& other : others)
    if (fit_into(other.second, free_bytes) < fit && (!better || bits_of(other.first) >= bits_of(better->first)))
      better = &other;
  if (!better) return here;
  return fmt::format("{}; in {} it fits {}", here, name_of(better->first),
                     fit_into(better->second, free_bytes) == Fit::at_once ? "at once" : "in stages");
}

// "vit conv1.weight", "vae": what q8 and q4 leave alone.
std::vector<std::string> stays_f16() {
  std::vector<std::string> names;
  for (const auto& row : kStays16)
    names.push_back(*row.name == 0 ? row.part : fmt::format("{} {}", row.part, row.name));
  return names;
}

Json to_json(const Plan& plan, const StoryRequest& request, const Machine& machine, Fit fit) {
  Json json{{"machine", machine.name}, {"free_bytes", machine.free_bytes}};
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    Json parts;
    for (const auto& [part, bytes] : stage.parts) parts[part] = bytes;
    json["stages"][kStages[i].name] = {{"weight_bytes", stage.weight_bytes},
                                       {"work_bytes", stage.work_bytes},
                                       {"scratch_bytes", stage.scratch_bytes},
                                       {"seconds", stage.seconds},
                                       {"parts", parts}};
  }
  json["bytes_at_once"] = plan.bytes_at_once();
  json["bytes_in_stages"] = plan.bytes_in_stages();
  json["seconds"] = plan.seconds(request);
  json["fits"] = fit == Fit::at_once ? "at once" : fit == Fit::in_stages ? "in stages" : "no";
  return json;
}

}  // namespace

int plan(const StoryFlags& flags, const PlanFlags& asked, const Backends& backends,
         const std::vector<std::string>& captions) {
  const Device device = asked.card ? Device{.kind = DeviceKind::cuda} : parse_device(flags.device);
  need_card_for(flags.kernels, device);
  need_cpu_for(flags.products, device);
  const ModelDir model = open_model_or_sizes(flags);
  const WeightFormat type = choose_type(flags, device, backends, model).format;
  const StageTypes types = stage_types(device, type, flags);
  StoryRequest request = make_request(flags, model.config, {.captions = captions});
  if (flags.image) request.start = std::make_shared<const Image>(read_user_picture(*flags.image, Pixels::shown).image);
  const Machine machine = find_machine(flags, asked, device, types, backends);
  say_on_stderr(fewer_frames(flags, request));
  say_on_stderr(other_size(model.config, request));
  const Plan plan = make_plan(model, request, types, machine.backend.get(), machine.rates);
  const auto others = other_types(model, request, device, type, flags, machine.backend.get());
  const Fit fit = fit_into(plan, machine.free_bytes);
  if (flags.json) {
    auto json = to_json(plan, request, machine, fit);
    const auto add = [&](WeightFormat in, const Plan& sums) {
      json["types"][name_of(in)] = {{"bytes_at_once", sums.bytes_at_once()},
                                    {"bytes_in_stages", sums.bytes_in_stages()}};
    };
    add(type, plan);
    for (const auto& [in, sums] : others) add(in, sums);
    if (row_of(type).block != 0) json["stays_f16"] = stays_f16();
    if (asked.card) json["note"] = kNotMeasured;
    fmt::print("{}\n", json_text(json, 2));
  } else {
    fmt::print("{}{} in {} on {}: {}\n\n", printable(model.config.name),
               model.tokenizer_model.empty() ? " (the published sizes; no file was read)" : "", name_of(type),
               machine.name, verdict(fit, type, others, machine.free_bytes));
    print_table(plan, request, machine);
    for (const auto& [in, sums] : others) {
      fmt::print("in {}: ", name_of(in));
      print_sum(sums);
      fmt::print("\n");
    }
    if (row_of(type).block != 0) fmt::print("in f16 beside {}: {}\n", name_of(type), fmt::join(stays_f16(), ", "));
    if (fit == Fit::in_stages) fmt::print("in stages: text first, and each part is dropped after its turn\n");
    if (asked.card) fmt::print("{}\n", kNotMeasured);
  }
  std::fflush(stdout);
  if (fit == Fit::none) fail_resource(too_large(plan, machine.free_bytes, type));
  return 0;
}

}  // namespace seedstory
