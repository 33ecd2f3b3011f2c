// Ops and stages, timed in turn.
#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "bench/replay.h"
#include "bench/stages.h"
#include "seedstory/recording.h"

namespace seedstory {
namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

class Timing : public StageObserver {
 public:
  explicit Timing(Backend& backend) : backend_(backend) {}
  void begin() override {
    backend_.finish();
    begun_ = Clock::now();
  }
  void end(const std::string& stage) override {
    backend_.finish();
    us[stage].push_back(us_since(begun_));
  }

  std::map<std::string, std::vector<double>> us;

 private:
  Backend& backend_;
  Clock::time_point begun_;
};

class OpLog : public StageObserver {
 public:
  explicit OpLog(RecordingBackend& recording) : recording_(recording) {}
  void begin() override { recording_.take_ops(); }
  void end(const std::string& stage) override { stages.emplace_back(stage, recording_.take_ops()); }

  std::vector<std::pair<std::string, std::vector<AnyOp>>> stages;  // in the order in which they ran

 private:
  RecordingBackend& recording_;
};

// Linear between the neighbours; `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * double(sorted.size() - 1);
  const size_t below = size_t(at), above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}

void set_times(BenchEntry& entry, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  entry.us = quantile(us, 0.5);
  entry.iqr_us = quantile(us, 0.75) - quantile(us, 0.25);
}

class Bench {
 public:
  Bench(Backend& backend, const ModelDir& model, const Limits& limits, const BenchOptions& options)
      : backend_(backend),
        model_(model),
        limits_(limits),
        options_(options),
        dry_engine_(recording_, model, {.types = options.weight_format}) {
    Stages(dry_engine_, [](const std::string&) { return true; }).run(listing_);
  }

  std::vector<BenchEntry> run() {
    std::vector<BenchEntry> entries;
    if (options_.ops) entries = time_ops();
    if (options_.stages)
      for (BenchEntry& stage : time_stages()) entries.push_back(std::move(stage));
    if (entries.empty()) fail_usage("--filter " + options_.filter + ": no entry has this in its name");
    return entries;
  }

 private:
  bool wanted(const std::string& name) const { return lower(name).find(lower(options_.filter)) != std::string::npos; }

  struct Entry {
    BenchEntry shown;
    AnyOp op;
    std::unique_ptr<Replay> replay;
    int64_t batch = 1;
    std::vector<double> us;
  };

  // An entry for each op of a story that differs in kind, shape or options.
  std::vector<Entry> distinct_ops() const {
    std::vector<Entry> entries;
    std::map<std::string, size_t> known;
    for (const auto& [stage, ops] : listing_.stages)
      for (const AnyOp& op : ops) {
        const std::string name = describe(op);
        if (!wanted(name)) continue;
        const auto [at, is_new] = known.emplace(name, entries.size());
        if (is_new) entries.push_back({.shown = describe_entry(name, {op}), .op = op, .replay = {}, .us = {}});
        if (stage == Stages::kWholeFrame) ++entries[at->second].shown.calls;
      }
    return entries;
  }

  BenchEntry describe_entry(const std::string& name, const std::vector<AnyOp>& ops) const {
    BenchEntry entry{.name = name};
    for (const AnyOp& op : ops) {
      const Cost cost = cost_of(op);
      entry.cost.flops += cost.flops;
      entry.cost.bytes += cost.bytes;
      entry.limit_us += limits_.seconds(cost) * 1e6;
    }
    return entry;
  }

  std::vector<BenchEntry> time_ops() {
    std::vector<Entry> entries = distinct_ops();
    for (Entry& entry : entries) {
      entry.replay = std::make_unique<Replay>(backend_, entry.op);
      entry.batch = batch_of(*entry.replay);
    }
    for (int64_t round = 0; round < options_.repeat; ++round)
      for (Entry& entry : entries) entry.us.push_back(time_batch(*entry.replay, entry.batch));

    std::vector<BenchEntry> shown;
    for (Entry& entry : entries) {
      set_times(entry.shown, entry.us);
      shown.push_back(entry.shown);
    }
    const auto in_a_frame = [](const BenchEntry& e) { return double(e.calls) * e.us; };
    std::stable_sort(shown.begin(), shown.end(),
                     [&](const BenchEntry& a, const BenchEntry& b) { return in_a_frame(a) > in_a_frame(b); });
    return shown;
  }

  // Us a call. One call before it wakes the threads and brings in what a cache can hold.
  double time_batch(Replay& replay, int64_t batch) const {
    replay.refill();
    replay.run();
    backend_.finish();
    const auto begin = Clock::now();
    for (int64_t i = 0; i < batch; ++i) replay.run();
    backend_.finish();
    return us_since(begin) / double(batch);
  }

  // Calls that take some 200 us together: a clock's step does not show then.
  int64_t batch_of(Replay& replay) const {
    const double us = time_batch(replay, 1);
    return std::clamp<int64_t>(int64_t(200 / std::max(us, 0.1)), 1, 50);
  }

  std::vector<BenchEntry> time_stages() {
    std::vector<BenchEntry> shown;
    for (const auto& [stage, ops] : listing_.stages)
      if (wanted(stage)) shown.push_back(describe_entry(stage, ops));
    if (shown.empty()) return shown;
    Engine engine(backend_, model_, {.types = options_.weight_format});
    Stages stages(engine, [this](const std::string& stage) { return wanted(stage); });
    Timing warm(backend_), timing(backend_);
    if (options_.repeat > 1) stages.run(warm);
    for (int64_t round = 0; round < options_.repeat; ++round) stages.run(timing);
    for (BenchEntry& entry : shown) {
      entry.stage = true;
      set_times(entry, timing.us.at(entry.name));
    }
    return shown;
  }

  Backend& backend_;
  const ModelDir& model_;
  const Limits& limits_;
  const BenchOptions& options_;
  RecordingBackend recording_;
  Engine dry_engine_;
  OpLog listing_{recording_};
};

}  // namespace

std::vector<BenchEntry> run_bench(Backend& backend, const ModelDir& model, const Limits& limits,
                                  const BenchOptions& options) {
  return Bench(backend, model, limits, options).run();
}

}  // namespace seedstory
