// Ops and stages, timed in turn.
#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "bench/replay.h"
#include "bench/stages.h"
#include "seedstory/arena.h"
#include "seedstory/recording.h"

namespace seedstory {
namespace {

using Clock = std::chrono::steady_clock;

// A clock's step does not show beside the calls of one batch, nor the wait for a device, some 10 us.
constexpr double kHostBatchUs = 200, kDeviceBatchUs = 2000;
constexpr int64_t kMostHostCalls = 50, kMostDeviceCalls = 512;

// Twice the largest L2 of a card (B200: 126 MiB); on a CPU a share of the last cache that a few cores rarely have.
constexpr int64_t kColdBytes = 256 << 20, kHostColdBytes = 512 << 20;

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
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

// Linear between the neighbours; `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * double(sorted.size() - 1);
  const size_t below = size_t(at), above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}

int64_t weight_bytes(const StageOps& stages) {
  std::set<const void*> known;
  int64_t bytes = 0;
  const auto add = [&]<class Op>(const Op& op) {
    if constexpr (HasWeight<Op>)
      if (known.insert(op.w.values.data).second) bytes += op.w.bytes();
  };
  for (const auto& [stage, ops] : stages)
    for (const AnyOp& op : ops) std::visit(add, op);
  return bytes;
}

void set_times(BenchEntry& entry, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  entry.us = quantile(us, 0.5);
  entry.iqr_us = quantile(us, 0.75) - quantile(us, 0.25);
}

class Bench {
 public:
  Bench(const BenchRun& run, const ModelDir& model, const BenchOptions& options)
      : backend_(run.backend),
        types_(run.types),
        model_(model),
        limits_(run.limits),
        options_(options),
        recording_(&backend_),
        dry_engine_(recording_, model, {.types = types_}),
        listing_(list_stages(recording_, dry_engine_)),
        cold_bytes_(options.is_asynchronous                   ? kColdBytes
                    : weight_bytes(listing_) > kHostColdBytes ? kHostColdBytes
                                                              : 0) {}

  // Ops: find them, time each in every round.
  int64_t list_ops() {
    for (auto [shown, op] : distinct_ops(listing_, options_.filter, limits_)) {
      shown.kernels = std::visit([&](const auto& o) { return backend_.kernels_of(&o); }, op);
      ops_.push_back({.shown = shown,
                      .op = op,
                      .is_cold = cold_bytes_ > 0 && limits_.is_memory_bound(cost_of(op)),
                      .kept = {},
                      .us = {}});
    }
    for (Entry& entry : ops_) set_batch(entry);
    return int64_t(ops_.size());
  }
  void time_op(int64_t i) {
    if (i >= int64_t(ops_.size())) return;
    Entry& entry = ops_[size_t(i)];
    entry.us.push_back(time_entry(entry));
  }

  // Stages: load the model, run them in every round.
  void load_stages() {
    for (const auto& [stage, ops] : listing_)
      if (wanted(stage)) shown_stages_.push_back(entry_of(stage, ops, limits_));
    if (shown_stages_.empty()) return;
    engine_ = std::make_unique<Engine>(backend_, model_, EngineOptions{.types = types_});
    // A record is made by the first call and the second.
    stages_ = std::make_unique<Stages>(
        *engine_, [this](const std::string& stage) { return wanted(stage); }, options_.is_asynchronous ? 2 : 0);
    Timing warm(backend_);
    if (options_.repeat > 1) stages_->run(warm);
  }
  void time_stages() {
    if (stages_) stages_->run(timing_);
  }

  std::vector<BenchEntry> entries() {
    std::vector<BenchEntry> entries = shown_ops();
    for (BenchEntry& stage : shown_stages_) {
      stage.stage = true;
      set_times(stage, timing_.us.at(stage.name));
      entries.push_back(std::move(stage));
    }
    if (entries.empty()) fail_usage("--filter " + options_.filter + ": no entry has this in its name");
    return entries;
  }

 private:
  bool wanted(const std::string& name) const { return fits(options_.filter, name); }

  using Copies = std::vector<std::unique_ptr<Replay>>;  // of one op, each with memory of its own

  struct Entry {
    BenchEntry shown;
    AnyOp op;
    bool is_cold = false;  // each call finds its operands in memory and not in a cache
    Copies kept;           // between the rounds, where memory is not short
    int64_t batch = 1;
    std::vector<double> us;
  };

  std::vector<BenchEntry> shown_ops() {
    std::vector<BenchEntry> shown;
    for (Entry& entry : ops_) {
      set_times(entry.shown, entry.us);
      shown.push_back(entry.shown);
    }
    const auto in_a_frame = [](const BenchEntry& e) { return double(e.calls) * e.us; };
    std::stable_sort(shown.begin(), shown.end(),
                     [&](const BenchEntry& a, const BenchEntry& b) { return in_a_frame(a) > in_a_frame(b); });
    return shown;
  }

  // Calls that take some kBatchUs together. The first guess counts the wait for a device to the call; the next ones
  // are nearer.
  void set_batch(Entry& entry) {
    const double least_us = options_.is_asynchronous ? kDeviceBatchUs : kHostBatchUs;
    const int64_t most = options_.is_asynchronous ? kMostDeviceCalls : kMostHostCalls;
    for (int i = 0; i < 3; ++i) {
      const double us = time_entry(entry);
      const auto batch = std::clamp<int64_t>(int64_t(least_us / std::max(us, 0.1)), 1, most);
      if (batch <= entry.batch) break;
      entry.batch = batch;
      if (!entry.kept.empty() && entry.kept[0]->is_counting()) entry.kept.clear();
      if (!options_.is_asynchronous) break;
    }
  }

  // As many copies of an op as it takes calls for each to find its operands in memory and not in a cache, at most one a
  // call; one that counts runs once on each.
  Copies make_copies(const Entry& entry) const {
    Copies copies;
    copies.push_back(std::make_unique<Replay>(backend_, entry.op));
    const int64_t bytes = std::max<int64_t>(copies[0]->bytes(), 1);
    int64_t count = 1;
    const int64_t most = options_.is_asynchronous ? entry.batch : kMostHostCalls;
    if (entry.is_cold) count = std::min(most, cold_bytes_ / bytes + 1);
    if (copies[0]->is_counting()) count = entry.batch;
    while (int64_t(copies.size()) < count) copies.push_back(std::make_unique<Replay>(backend_, entry.op));
    return copies;
  }

  // Us a call. Many copies take much memory: they live as long as they are timed.
  double time_entry(Entry& entry) {
    if (entry.kept.empty()) entry.kept = make_copies(entry);
    if (entry.is_cold && !options_.is_asynchronous) entry.batch = int64_t(entry.kept.size());
    const double us = time_batch(entry.kept, entry.batch, entry.is_cold);
    if (entry.is_cold || options_.is_asynchronous) entry.kept.clear();
    return us;
  }

  double time_batch(const Copies& copies, int64_t batch, bool is_cold) {
    Repeat record;
    const auto calls = [&] {
      for (int64_t i = 0; i < batch; ++i) copies[size_t(i) % copies.size()]->run();
    };
    const auto rewind = [&] {
      for (const auto& copy : copies) copy->rewind();
    };
    if (options_.is_asynchronous) {
      // Once plainly, once to record.
      for (int i = 0; i < 2; ++i) {
        backend_.repeat(record, calls);
        rewind();
      }
      if (is_cold && int64_t(copies.size()) * copies[0]->bytes() < kColdBytes) fill_caches();
    } else {
      for (const auto& copy : copies) copy->refill();
      rewind();
      copies.back()->run();  // wakes the threads and brings in what a cache can hold of a single one
      copies.back()->rewind();
    }
    backend_.finish();
    const auto begin = Clock::now();
    backend_.repeat(record, calls);
    backend_.finish();
    return us_since(begin) / double(batch);
  }

  // With what no op reads.
  void fill_caches() {
    if (!other_) {
      other_ = std::make_unique<Arena>(backend_, kColdBytes);
      zeros_.resize(size_t(kColdBytes));
    }
    Arena::Scope scope(*other_);
    backend_.upload(other_->make(DType::u8, {kColdBytes}), zeros_.data());
  }

  Backend& backend_;
  StageTypes types_;
  const ModelDir& model_;
  const Limits& limits_;
  const BenchOptions& options_;
  RecordingBackend recording_;
  Engine dry_engine_;
  StageOps listing_;
  int64_t cold_bytes_;  // from here on no cache holds them; 0: one holds all of the model
  std::vector<Entry> ops_;
  std::vector<BenchEntry> shown_stages_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Stages> stages_;
  Timing timing_{backend_};
  std::unique_ptr<Arena> other_;
  std::vector<char> zeros_;
};

}  // namespace

std::vector<std::vector<BenchEntry>> run_bench(const std::vector<BenchRun>& runs, const ModelDir& model,
                                               const BenchOptions& options) {
  std::vector<std::unique_ptr<Bench>> benches;
  benches.reserve(runs.size());
  for (const BenchRun& run : runs) benches.push_back(std::make_unique<Bench>(run, model, options));
  int64_t ops = 0;  // the model's: the same in each, but where some weights are of another type than others
  if (options.ops)
    for (const auto& bench : benches) ops = std::max(ops, bench->list_ops());
  for (int64_t round = 0; round < options.repeat; ++round)
    for (int64_t op = 0; op < ops; ++op)
      for (const auto& bench : benches) bench->time_op(op);
  if (options.stages)
    for (const auto& bench : benches) bench->load_stages();
  for (int64_t round = 0; round < options.repeat; ++round)
    for (const auto& bench : benches) bench->time_stages();
  std::vector<std::vector<BenchEntry>> entries;
  entries.reserve(benches.size());
  for (const auto& bench : benches) entries.push_back(bench->entries());
  return entries;
}

}  // namespace seedstory
