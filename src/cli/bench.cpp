// bench: ops and stages of a model on a backend, beside the limits of what computes.
#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/cards.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "io/machine.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

struct Report {
  std::string build, machine, backend, kernels, type, model;
  int64_t repeat;
  Limits limits;
  std::vector<BenchEntry> entries;
  Load load;  // while the entries were timed

  // Of the distance of the quartiles over the median, the entries' median.
  double spread() const {
    std::vector<double> spreads;
    for (const BenchEntry& e : entries) spreads.push_back(e.iqr_us / e.us);
    std::nth_element(spreads.begin(), spreads.begin() + int64_t(spreads.size() / 2), spreads.end());
    return spreads[spreads.size() / 2];
  }
  bool busy() const { return load.others + load.stolen > 0.05 || spread() > 0.1; }
};

void print_table(const Report& r, bool stages) {
  if (std::none_of(r.entries.begin(), r.entries.end(), [&](const BenchEntry& e) { return e.stage == stages; })) return;
  const bool has_kernels = !stages && r.kernels == name_of(kKernels, Kernels::library);
  const std::string calls = stages ? "" : " calls |", line = stages ? "" : " ----: |";
  fmt::print("\n| {:<76} |{}{} median us |   IQR us | GFLOP/s |   GB/s | of limit |\n", stages ? "stage" : "op",
             has_kernels ? " kernels         |" : "", calls);
  fmt::print("| {:-<76} |{}{} --------: | -------: | ------: | -----: | -------: |\n", "",
             has_kernels ? " --------------- |" : "", line);
  for (const BenchEntry& e : r.entries)
    if (e.stage == stages)
      fmt::print("| {:<76} |{}{} {:>9} | {:>8} | {:>7} | {:>6} | {:>6.1f} % |\n", e.name,
                 has_kernels ? fmt::format(" {:<15} |", e.kernels) : "", stages ? "" : fmt::format(" {:>5} |", e.calls),
                 figure(e.us), figure(e.iqr_us), figure(e.gflops()), figure(e.gbytes()), 100 * e.share());
}

void print_markdown(const Report& r) {
  fmt::print("{}\n{}\n{}, {} weights, model {}\n", r.build, r.machine, r.backend, r.type, r.model);
  fmt::print("limits: {} GFLOP/s, {} GB/s ({})\n", figure(r.limits.flops / 1e9), figure(r.limits.bytes / 1e9),
             r.limits.source);
  fmt::print(
      "{}: other programs had {:.0f} % of the cores' time, the host's other guests {:.0f} %; IQR over median {:.2f}\n",
      r.busy() ? "busy, the times are too long" : "quiet", 100 * r.load.others, 100 * r.load.stolen, r.spread());
  print_table(r, false);
  print_table(r, true);
}

// One table; what md and json have above it stands in every line.
void print_csv_head() {
  fmt::print(
      "kind,name,kernels,calls,median_us,iqr_us,gflops,gbytes,limit_us,share_of_limit,flops,bytes,limit_gflops,"
      "limit_gbytes,limit_source,type,model,backend,machine,build,busy,others_share,stolen_share,iqr_over_median\n");
}
void print_csv(const Report& r) {
  for (const BenchEntry& e : r.entries)
    fmt::print(
        "{},{},{},{},{:.3f},{:.3f},{:.4f},{:.4f},{:.4f},{:.5f},{:.0f},{:.0f},{:.2f},{:.2f},{},{},{},{},{},{},{},"
        "{:.4f},{:.4f},{:.4f}\n",
        e.stage ? "stage" : "op", csv_field(e.name), csv_field(e.kernels), e.calls, e.us, e.iqr_us, e.gflops(),
        e.gbytes(), e.limit_us, e.share(), e.cost.flops, e.cost.bytes, r.limits.flops / 1e9, r.limits.bytes / 1e9,
        csv_field(r.limits.source), r.type, csv_field(r.model), csv_field(r.backend), csv_field(r.machine),
        csv_field(r.build), r.busy(), r.load.others, r.load.stolen, r.spread());
}

Json to_json(const Report& r) {
  Json list = Json::array();
  for (const BenchEntry& e : r.entries) {
    Json& shown = list.push_back({{"kind", e.stage ? "stage" : "op"},
                                  {"name", e.name},
                                  {"calls", e.calls},
                                  {"median_us", e.us},
                                  {"iqr_us", e.iqr_us},
                                  {"gflops", e.gflops()},
                                  {"gbytes", e.gbytes()},
                                  {"limit_us", e.limit_us},
                                  {"share_of_limit", e.share()},
                                  {"flops", e.cost.flops},
                                  {"bytes", e.cost.bytes}});
    if (!e.stage) shown["kernels"] = e.kernels;
    if (!e.stage) shown["calls_by_stage"] = e.calls_by_stage.empty() ? Json::object() : Json();
    for (const auto& [stage, calls] : e.calls_by_stage) shown["calls_by_stage"][stage] = calls;
  }
  return {{"build", r.build},
          {"machine", r.machine},
          {"backend", r.backend},
          {"kernels", r.kernels},
          {"type", r.type},
          {"model", r.model},
          {"repeat", r.repeat},
          {"limits", {{"gflops", r.limits.flops / 1e9}, {"gbytes", r.limits.bytes / 1e9}, {"source", r.limits.source}}},
          {"busy", r.busy()},
          {"others_share", r.load.others},
          {"stolen_share", r.load.stolen},
          {"iqr_over_median", r.spread()},
          {"entries", list}};
}

// Of several, which differ in their kernels or types alone.
void print(const std::vector<Report>& reports, TableFormat format) {
  switch (format) {
    case TableFormat::md:
      for (size_t i = 0; i < reports.size(); ++i) {
        if (i > 0) fmt::print("\n");
        print_markdown(reports[i]);
      }
      return;
    case TableFormat::csv:
      print_csv_head();
      for (const Report& r : reports) print_csv(r);
      return;
    case TableFormat::json: {
      Json all = Json::array();
      for (const Report& r : reports) all.push_back(to_json(r));
      fmt::print("{}\n", json_text(reports.size() == 1 ? to_json(reports[0]) : Json{{"reports", all}}, 1));
      return;
    }
  }
}

// "NVIDIA H200" of "cuda (NVIDIA H200, 143771 MiB)".
std::string card_name(const std::string& backend) {
  const size_t begin = backend.find('(') + 1, end = backend.rfind(',', backend.find(" MiB"));
  return end == std::string::npos || end < begin ? "" : backend.substr(begin, end - begin);
}

// A data sheet gives the products of 16-bit numbers; of others, and of cards without one, it is what ours reach.
Limits limits_of_card(Backend& backend, NumberTypes types) {
  const Card* card = types.activations == DType::f32 ? nullptr : known_card(card_name(backend.name()));
  return card ? limits_of(*card) : measure_limits(backend, types);
}

}  // namespace

int bench(const BenchFlags& f, const Backends& backends) {
  const Device device = parse_device(f.device);
  for (const Kernels kernels : f.compared) need_card_for(kernels, device);
  need_cpu_for(f.products, device);
  // Ops make their own numbers.
  const bool reads_files = f.stages || !f.ops;
  const ModelDir model = reads_files ? open_model(find_model(f)) : open_model_or_sizes(f);
  const std::vector<WeightFormat> compared_types = weight_formats(f, device, backends, model);
  const Machine machine = this_machine();
  const int cores = backends.cpu_cores(), threads = f.threads == 0 ? cores : int(f.threads);

  std::vector<std::unique_ptr<Backend>> made;
  std::vector<BenchRun> runs;
  std::vector<Report> reports;
  for (const Kernels kernels : f.compared) {
    MachineFlags flags = f;
    flags.kernels = kernels;
    Backend& backend = *made.emplace_back(make_backend(device, flags, backends));
    for (const WeightFormat weights : compared_types) {
      const StageTypes types = stage_types(device, weights, f);
      const Limits limits = device.kind == DeviceKind::cpu ? measure_limits(threads, backends.cpu_set(f.cpu), weights)
                                                           : limits_of_card(*made[0], types.language);
      runs.push_back({.backend = backend, .types = types, .limits = limits});
      reports.push_back({.build = build_line(),
                         .machine = fmt::format("{}, {} cores, {} threads", machine.cpu, cores, threads),
                         .backend = backend.name(),
                         .kernels = name_of(kKernels, kernels == Kernels::library ? kernels : Kernels::ours),
                         .type = name_of(weights),
                         .model = one_line(model.config.name),
                         .repeat = f.repeat,
                         .limits = limits,
                         .entries = {},
                         .load = {}});
    }
  }
  const std::optional<CpuTimes> begin = cpu_times();
  const auto entries = run_bench(runs, model,
                                 {.ops = f.ops || !f.stages,
                                  .stages = reads_files,
                                  .filter = f.filter,
                                  .repeat = f.repeat,
                                  .is_asynchronous = device.kind == DeviceKind::cuda});
  const std::optional<CpuTimes> end = cpu_times();
  for (size_t i = 0; i < reports.size(); ++i) {
    reports[i].entries = entries[i];
    if (begin && end) reports[i].load = load_between(*begin, *end);
  }
  print(reports, f.format);
  return 0;
}

}  // namespace seedstory
