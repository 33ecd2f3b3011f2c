// bench --paper: a static roofline of the CUDA kernels on a card that need not be here.
#include <fmt/format.h>

#include <algorithm>

#include "bench/paper.h"
#include "cli/cards.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "load/published.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

struct Report {
  std::string build, card, type, model;
  Limits limits;
  std::vector<PaperEntry> entries;
};

const char* const kPaper = "computed, not measured: the least that the counted instructions and bytes take";

std::string of_limit(const PaperEntry& e) {
  return e.us > 0 ? fmt::format("{:>5.2f}", e.share()) : fmt::format("{:>5}", "-");
}

void print_table(const Report& r, bool stages) {
  if (std::none_of(r.entries.begin(), r.entries.end(), [&](const PaperEntry& e) { return e.stage == stages; })) return;
  fmt::print("\n| {:<76} |{} limit us | least us | of limit | {:<13} |{}\n", stages ? "stage" : "op",
             stages ? "" : " calls |", stages ? "counted" : "bound", stages ? "" : " kernels |");
  fmt::print("| {:-<76} |{} -------: | -------: | -------: | {:-<13} |{}\n", "", stages ? "" : " ----: |", "",
             stages ? "" : " ------- |");
  for (const PaperEntry& e : r.entries)
    if (e.stage == stages)
      fmt::print("| {:<76} |{} {:>8} | {:>8} | {:>8} | {:<13} |{}\n", e.name,
                 stages ? "" : fmt::format(" {:>5} |", e.calls), figure(e.limit_us), e.us > 0 ? figure(e.us) : "-",
                 of_limit(e),
                 stages     ? fmt::format("{:.2f}", e.counted)
                 : e.us > 0 ? e.bound
                            : "not counted",
                 stages ? "" : fmt::format(" {} |", e.kernels));
}

void print_markdown(const Report& r) {
  fmt::print("{}\n{}, {}, model {}\n{}\n", r.build, r.card, r.type, r.model, kPaper);
  fmt::print("limits: {} GFLOP/s, {} GB/s ({})\n", figure(r.limits.flops / 1e9), figure(r.limits.bytes / 1e9),
             r.limits.source);
  print_table(r, false);
  print_table(r, true);
}

void print_csv(const Report& r) {
  fmt::print(
      "kind,name,calls,limit_us,least_us,share_of_limit,counted,bound,kernels,flops,bytes,type,model,card,build\n");
  for (const PaperEntry& e : r.entries)
    fmt::print("{},{},{},{:.4f},{},{},{:.4f},{},{},{:.0f},{:.0f},{},{},{},{}\n", e.stage ? "stage" : "op",
               csv_field(e.name), e.calls, e.limit_us, e.us > 0 ? fmt::format("{:.4f}", e.us) : "",
               e.us > 0 ? fmt::format("{:.5f}", e.share()) : "", e.counted, e.bound, csv_field(e.kernels), e.cost.flops,
               e.cost.bytes, r.type, csv_field(r.model), r.card, csv_field(r.build));
}

void print_json(const Report& r) {
  Json list = Json::array();
  for (const PaperEntry& e : r.entries) {
    Json& shown = list.push_back({{"kind", e.stage ? "stage" : "op"},
                                  {"name", e.name},
                                  {"calls", e.calls},
                                  {"limit_us", e.limit_us},
                                  {"counted", e.counted},
                                  {"kernels", e.kernels},
                                  {"flops", e.cost.flops},
                                  {"bytes", e.cost.bytes}});
    if (e.us > 0) shown["least_us"] = e.us, shown["share_of_limit"] = e.share(), shown["bound"] = e.bound;
  }
  const Json json = {
      {"build", r.build},
      {"card", r.card},
      {"type", r.type},
      {"model", r.model},
      {"note", kPaper},
      {"limits", {{"gflops", r.limits.flops / 1e9}, {"gbytes", r.limits.bytes / 1e9}, {"source", r.limits.source}}},
      {"entries", list}};
  fmt::print("{}\n", json_text(json, 1));
}

}  // namespace

int bench_paper(const BenchFlags& f) {
  const Card& card = find_card(*f.card);
  const WeightFormat type = parse_type(f.type, WeightFormat::f16);
  if (type != WeightFormat::f16 && type != WeightFormat::bf16)
    fail_usage(fmt::format("--type {}: not with --paper, whose kernels are those of f16 and bf16", f.type));
  const bool is_given = f.model || !given_model_flags(f).empty();  // those leave out the model that ships
  const ModelDir model = is_given ? open_model_or_sizes(f) : published_sizes();
  Report report{.build = build_line(),
                .card = card.name,
                .type = name_of(type),
                .model = one_line(model.config.name),
                .limits = limits_of(card),
                .entries = {}};
  report.entries = run_paper(card, model, report.limits,
                             {.ops = f.ops || !f.stages,
                              .stages = f.stages || !f.ops,
                              .filter = f.filter,
                              .types = StageTypes::of_card(type)});
  switch (f.format) {
    case TableFormat::md:
      print_markdown(report);
      break;
    case TableFormat::csv:
      print_csv(report);
      break;
    case TableFormat::json:
      print_json(report);
  }
  return 0;
}

}  // namespace seedstory
