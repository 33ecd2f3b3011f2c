// bench compare: two reports of bench, entry by entry, with a verdict that knows how far each one's rounds differ.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "io/json.h"
#include "load/json_fields.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// What two runs of one program differ by on a quiet machine, whatever their rounds say: pages and clocks are others.
constexpr double kLeastNoise = 0.02;

// Quartiles of fewer say nothing.
constexpr int64_t kLeastRounds = 3;

// Of loads, from where on they are others.
constexpr double kOtherLoad = 0.05;

struct Entry {
  std::string kind, name;  // "op" or "stage"
  double us, iqr_us;
  std::vector<std::pair<std::string, int64_t>> calls;  // of an op, in each stage
};

struct Report {
  std::string file, build, machine, backend, kernels, type, model;
  int64_t rounds;
  bool busy;
  double load;    // of the cores' time, what went elsewhere
  double spread;  // the entries' median of IQR over median
  std::vector<Entry> entries;
  std::map<std::pair<std::string, std::string>, size_t> places;  // of kind and name, in entries

  const Entry* find(const Entry& like) const {
    const auto place = places.find({like.kind, like.name});
    return place == places.end() ? nullptr : &entries[place->second];
  }

  // The quartiles of some rounds are noisy themselves: at least what the report's entries usually have.
  double noise_us(const Entry& e) const { return std::max(e.iqr_us, spread * e.us); }
};

// ---- reading

constexpr double kMostUs = 1e15;  // 30 years
constexpr double kMostCalls = 1e9;

std::string text(const JsonFields& fields, const char* key) {
  return one_line(fields.need<std::string>(key));
}

double number(const JsonFields& fields, const std::string& key, double least, double most) {
  return fields.need<double>(key, least, most);
}

Entry read_entry(const JsonFields& fields) {
  Entry entry{.kind = text(fields, "kind"),
              .name = text(fields, "name"),
              .us = number(fields, "median_us", 1e-6, kMostUs),
              .iqr_us = number(fields, "iqr_us", 0, kMostUs),
              .calls = {}};
  if (entry.kind != "op" && entry.kind != "stage")
    fields.wrong("kind", fmt::format("{} came, expected op or stage", entry.kind));
  if (entry.kind == "stage") return entry;
  if (!fields.has("calls_by_stage")) fields.wrong("calls_by_stage", "is missing");
  const JsonFields counts = fields.object("calls_by_stage");
  for (const std::string& stage : counts.keys())
    entry.calls.emplace_back(one_line(stage), int64_t(number(counts, stage, 0, kMostCalls)));
  return entry;
}

Report read_report(const JsonFields& fields, const std::string& file) {
  if (fields.has("card") && !fields.has("machine"))
    fail_input(file + ": was computed by bench --paper, expected a report that bench has measured");
  Report report{.file = one_line(file),
                .build = text(fields, "build"),
                .machine = text(fields, "machine"),
                .backend = text(fields, "backend"),
                .kernels = fields.has("kernels") ? text(fields, "kernels") : "ours",  // of before there were others
                .type = text(fields, "type"),
                .model = text(fields, "model"),
                .rounds = int64_t(number(fields, "repeat", 1, kMostCalls)),
                .busy = fields.need<bool>("busy"),
                .load = number(fields, "others_share", 0, 1) + number(fields, "stolen_share", 0, 1),
                .spread = number(fields, "iqr_over_median", 0, kMostUs),
                .entries = {},
                .places = {}};
  if (!fields.has("entries")) fields.wrong("entries", "is missing");
  for (const JsonFields& item : fields.objects("entries")) {
    Entry entry = read_entry(item);
    if (!report.places.try_emplace({entry.kind, entry.name}, report.entries.size()).second)
      fail_input(fmt::format("{}: has the {} {} twice, expected once", file, entry.kind, entry.name));
    report.entries.push_back(std::move(entry));
  }
  return report;
}

// One of each file, or two of one: of bench --kernels ours,library.
std::vector<Report> read_reports(const CompareFlags& flags) {
  const auto fields_of = [](const std::string& path) {
    return JsonFields::parse(read_user_text(path), user_text_name(path), 9);
  };
  const std::string a = user_text_name(flags.a);
  const JsonFields fields = fields_of(flags.a);
  if (flags.b) {
    const std::string b = user_text_name(*flags.b);
    return {read_report(fields, a), read_report(fields_of(*flags.b), b)};
  }
  const std::vector<JsonFields> both = fields.objects("reports");
  if (both.size() != 2)
    fail_input(a + ": expected two reports, of bench --kernels ours,library --format json; or name B.json");
  return {read_report(both[0], a), read_report(both[1], a)};
}

// ---- comparing

struct Row {
  std::string kind, name;
  double a_us = 0, b_us = 0, noise_us = 0;
  bool is_known = true;  // how large the noise is

  double ratio() const { return b_us / a_us; }
  double noise() const { return std::max(noise_us / a_us, kLeastNoise); }  // of the ratio
  const char* verdict() const {
    if (!is_known) return "unknown";
    if (std::abs(ratio() - 1) <= noise()) return "within noise";
    return ratio() < 1 ? "faster" : "slower";
  }
};

struct Comparison {
  Report a, b;
  std::vector<std::string> differs;  // so that the comparison means little
  std::vector<Row> rows;             // ops, stages, and of each stage the sum of its ops' calls
  std::vector<Entry> only_a, only_b;
};

// Behind the commit: "GNU 12.2.0, Release)". Two commits are what is compared, two compilers are not.
std::string compiled(const std::string& build) {
  return build.substr(std::min(build.find(", "), build.size()));
}

std::vector<std::string> differences(const Report& a, const Report& b) {
  std::vector<std::string> out;
  const auto add = [&](const char* what, const std::string& in_a, const std::string& in_b, bool differ) {
    if (differ) out.push_back(fmt::format("{}: {} | {}", what, in_a, in_b));
  };
  add("machine", a.machine, b.machine, a.machine != b.machine);
  // Whose kernels they are may be what is compared; which versions of libraries, only where both have them.
  const auto card = [](const Report& r) { return r.backend.substr(0, r.backend.find(" with ")); };
  const bool same_kernels = a.kernels == b.kernels;
  add("backend", a.backend, b.backend, same_kernels ? a.backend != b.backend : card(a) != card(b));
  add("build", a.build, b.build, compiled(a.build) != compiled(b.build));
  add("type", a.type, b.type, a.type != b.type);
  add("model", a.model, b.model, a.model != b.model);
  const auto load = [](const Report& r) {
    return fmt::format("{}, {:.0f} % of the cores' time elsewhere", r.busy ? "busy" : "quiet", 100 * r.load);
  };
  add("load", load(a), load(b), a.busy || b.busy || std::abs(a.load - b.load) > kOtherLoad);
  return out;
}

// Five rounds' median is off by some 0.41 of their IQR (normal noise: 1.25 / 1.35 / sqrt 5), so that a difference of
// both IQRs together is one of 2.4 deviations: 2 in 100 of equal entries.
Row compare(const Comparison& c, const Entry& a, const Entry& b) {
  return {.kind = a.kind,
          .name = a.name,
          .a_us = a.us,
          .b_us = b.us,
          .noise_us = std::hypot(c.a.noise_us(a), c.b.noise_us(b)),
          .is_known = std::min(c.a.rounds, c.b.rounds) >= kLeastRounds};
}

void add_to_totals(std::vector<Row>& totals, const Entry& a, const Row& row) {
  for (const auto& [stage, calls] : a.calls) {
    auto total =
        std::find_if(totals.begin(), totals.end(), [&, &name = stage](const Row& t) { return t.name == name; });
    if (total == totals.end()) total = totals.insert(total, {.kind = "total", .name = stage, .is_known = row.is_known});
    total->a_us += double(calls) * row.a_us;
    total->b_us += double(calls) * row.b_us;
    total->noise_us = std::hypot(total->noise_us, double(calls) * row.noise_us);
  }
}

Comparison compare(Report a, Report b) {
  Comparison c{.a = std::move(a), .b = std::move(b), .differs = {}, .rows = {}, .only_a = {}, .only_b = {}};
  c.differs = differences(c.a, c.b);
  std::vector<Row> totals;
  for (const Entry& entry : c.a.entries) {
    const Entry* other = c.b.find(entry);
    if (!other) {
      c.only_a.push_back(entry);
      continue;
    }
    c.rows.push_back(compare(c, entry, *other));
    add_to_totals(totals, entry, c.rows.back());
  }
  for (const Entry& entry : c.b.entries)
    if (!c.a.find(entry)) c.only_b.push_back(entry);
  std::erase_if(totals, [](const Row& t) { return t.a_us == 0; });
  c.rows.insert(c.rows.end(), totals.begin(), totals.end());
  return c;
}

// ---- printing

std::string cell(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

void print_table(const Comparison& c, const char* kind, const char* title) {
  if (std::none_of(c.rows.begin(), c.rows.end(), [&](const Row& row) { return row.kind == kind; })) return;
  fmt::print("\n| {:<76} |      A us |      B us | B over A |   noise | verdict      |\n", title);
  fmt::print("| {:-<76} | --------: | --------: | -------: | ------: | ------------ |\n", "");
  for (const Row& row : c.rows)
    if (row.kind == kind)
      fmt::print("| {:<76} | {:>9} | {:>9} | {:>8.3f} | {:>7} | {:<12} |\n", cell(row.name), figure(row.a_us),
                 figure(row.b_us), row.ratio(), row.is_known ? fmt::format("{:.3f}", row.noise()) : "", row.verdict());
}

void print_markdown(const Comparison& c) {
  for (const auto& [letter, r] : {std::pair{"A", &c.a}, std::pair{"B", &c.b}})
    fmt::print("{}: {}\n   {}\n   {}\n   {}, kernels {}, {} weights, model {}, {} rounds\n", letter, r->file, r->build,
               r->machine, r->backend, r->kernels, r->type, r->model, r->rounds);
  if (!c.differs.empty())
    fmt::print("the comparison means little, A and B differ or were disturbed:\n- {}\n", fmt::join(c.differs, "\n- "));
  if (c.rows.empty()) fmt::print("no entry is in both\n");
  print_table(c, "op", "op");
  print_table(c, "stage", "stage");
  print_table(c, "total", "the calls of these ops together, by stage");
  for (const auto& [letter, alone] : {std::pair{"A", &c.only_a}, std::pair{"B", &c.only_b}})
    if (!alone->empty()) {
      fmt::print("\nonly in {}:\n", letter);
      for (const Entry& e : *alone) fmt::print("- {} {}, {} us\n", e.kind, e.name, figure(e.us));
    }
}

// One table; what stands above it in md stands in every line.
void print_csv(const Comparison& c) {
  const std::string differs = csv_field(fmt::format("{}", fmt::join(c.differs, "; ")));
  fmt::print("kind,name,a_us,b_us,ratio,noise,verdict,differs\n");
  for (const Row& row : c.rows)
    fmt::print("{},{},{:.3f},{:.3f},{:.4f},{},{},{}\n", row.kind, csv_field(row.name), row.a_us, row.b_us, row.ratio(),
               row.is_known ? fmt::format("{:.4f}", row.noise()) : "", row.verdict(), differs);
  for (const Entry& e : c.only_a)
    fmt::print("{},{},{:.3f},,,,only in A,{}\n", e.kind, csv_field(e.name), e.us, differs);
  for (const Entry& e : c.only_b)
    fmt::print("{},{},,{:.3f},,,only in B,{}\n", e.kind, csv_field(e.name), e.us, differs);
}

Json to_json(const Report& r) {
  return {{"file", r.file}, {"build", r.build}, {"machine", r.machine}, {"backend", r.backend}, {"kernels", r.kernels},
          {"type", r.type}, {"model", r.model}, {"repeat", r.rounds},   {"busy", r.busy}};
}

Json to_json(const std::vector<Entry>& alone) {
  Json list = Json::array();
  for (const Entry& e : alone) list.push_back({{"kind", e.kind}, {"name", e.name}, {"median_us", e.us}});
  return list;
}

void print_json(const Comparison& c) {
  Json entries = Json::array(), totals = Json::array();
  for (const Row& row : c.rows)
    (row.kind == "total" ? totals : entries)
        .push_back({{"kind", row.kind},
                    {"name", row.name},
                    {"a_us", row.a_us},
                    {"b_us", row.b_us},
                    {"ratio", row.ratio()},
                    {"noise", row.is_known ? Json(row.noise()) : Json()},
                    {"verdict", row.verdict()}});
  const Json json = {{"a", to_json(c.a)},          {"b", to_json(c.b)}, {"differs", c.differs},
                     {"entries", entries},         {"totals", totals},  {"only_a", to_json(c.only_a)},
                     {"only_b", to_json(c.only_b)}};
  fmt::print("{}\n", json_text(json, 1));
}

}  // namespace

int bench_compare(const CompareFlags& flags) {
  if (flags.a == "-" && flags.b == "-") fail_usage("A and B: - came twice, expected a file for one of them");
  std::vector<Report> reports = read_reports(flags);
  const Comparison comparison = compare(std::move(reports[0]), std::move(reports[1]));
  switch (flags.format) {
    case TableFormat::md:
      print_markdown(comparison);
      break;
    case TableFormat::csv:
      print_csv(comparison);
      break;
    case TableFormat::json:
      print_json(comparison);
      break;
  }
  return 0;
}

}  // namespace seedstory
