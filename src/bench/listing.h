// What bench has entries of: the ops and the stages of a model, as its own code asks for them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/limits.h"
#include "seedstory/recording.h"
#include "story/story.h"

namespace seedstory {

struct BenchEntry {
  bool stage = false;   // else an op
  std::string name;     // "UNet step", or op and shapes
  std::string kernels;  // of an op that was timed: whose ran it (Backend::kernels_of)
  int64_t calls = 0;    // of an op in a whole frame; 0: only another stage has it
  std::vector<std::pair<std::string, int64_t>> calls_by_stage;  // of an op, in the stages that have it
  double us = 0, iqr_us = 0;                                    // median and distance of the quartiles
  Cost cost;                                                    // a call's, by the ops' own cost()
  double limit_us = 0;  // sum over its ops of what a perfect implementation takes

  double gflops() const { return cost.flops / us / 1e3; }  // a second
  double gbytes() const { return cost.bytes / us / 1e3; }
  double share() const { return limit_us / us; }  // over 1: the data lay in a cache
};

// The ops of each stage, in the order in which they ran. They live as long as the engine.
using StageOps = std::vector<std::pair<std::string, std::vector<AnyOp>>>;
StageOps list_stages(RecordingBackend& recording, Engine& engine);

// Whether an entry of this name is wanted: it has `filter` in it, in any case.
bool fits(const std::string& filter, const std::string& name);

// Without times.
BenchEntry entry_of(const std::string& name, const std::vector<AnyOp>& ops, const Limits& limits);

// An entry for each op of a story that differs in kind, shape or options.
std::vector<std::pair<BenchEntry, AnyOp>> distinct_ops(const StageOps& stages, const std::string& filter,
                                                       const Limits& limits);

}  // namespace seedstory
