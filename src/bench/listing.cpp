// A story's ops from a dry run.
#include "bench/listing.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "bench/replay.h"
#include "bench/stages.h"

namespace seedstory {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

// What is watched several times on end is listed once.
class OpLog : public StageObserver {
 public:
  explicit OpLog(RecordingBackend& recording) : recording_(recording) {}
  void begin() override { recording_.take_ops(); }
  void end(const std::string& stage) override {
    if (stages.empty() || stages.back().first != stage) stages.emplace_back(stage, recording_.take_ops());
  }

  StageOps stages;

 private:
  RecordingBackend& recording_;
};

}  // namespace

StageOps list_stages(RecordingBackend& recording, Engine& engine) {
  OpLog log(recording);
  Stages(engine, [](const std::string&) { return true; }).run(log);
  return std::move(log.stages);
}

bool fits(const std::string& filter, const std::string& name) {
  return lower(name).find(lower(filter)) != std::string::npos;
}

BenchEntry entry_of(const std::string& name, const std::vector<AnyOp>& ops, const Limits& limits) {
  BenchEntry entry{.name = name};
  for (const AnyOp& op : ops) {
    const Cost cost = cost_of(op);
    entry.cost.flops += cost.flops;
    entry.cost.bytes += cost.bytes;
    entry.limit_us += limits.seconds(cost) * 1e6;
  }
  return entry;
}

std::vector<std::pair<BenchEntry, AnyOp>> distinct_ops(const StageOps& stages, const std::string& filter,
                                                       const Limits& limits) {
  std::vector<std::pair<BenchEntry, AnyOp>> entries;
  std::map<std::string, size_t> known;
  for (const auto& [stage, ops] : stages)
    for (const AnyOp& op : ops) {
      const std::string name = describe(op);
      if (!fits(filter, name)) continue;
      const auto [at, is_new] = known.emplace(name, entries.size());
      if (is_new) entries.emplace_back(entry_of(name, {op}, limits), op);
      BenchEntry& entry = entries[at->second].first;
      if (stage == Stages::kWholeFrame) ++entry.calls;
      auto& by_stage = entry.calls_by_stage;
      if (by_stage.empty() || by_stage.back().first != stage) by_stage.emplace_back(stage, 0);
      ++by_stage.back().second;
    }
  return entries;
}

}  // namespace seedstory
