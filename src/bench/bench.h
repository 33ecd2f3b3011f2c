// How long the model's ops and stages take on a backend, beside what the machine could do.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/limits.h"
#include "load/model_dir.h"
#include "seedstory/backend.h"
#include "story/stage_types.h"

namespace seedstory {

struct BenchOptions {
  bool ops = true, stages = true;
  std::string filter;  // a part of an entry's name, in any case; empty: all
  int64_t repeat = 5;
  StageTypes types;
  // A device that works while the host goes on: timed are launches of a record of many calls (Backend::repeat), behind
  // those that make the record; ops that memory bounds are timed on copies that no cache can hold.
  bool is_asynchronous = false;
};

struct BenchEntry {
  bool stage = false;  // else an op
  std::string name;    // "UNet step", or op and shapes
  int64_t calls = 0;   // of an op in a whole frame; 0: only in the ViT's encoding of a picture
  std::vector<std::pair<std::string, int64_t>> calls_by_stage;  // of an op, in the stages that have it
  double us = 0, iqr_us = 0;                                    // median and distance of the quartiles
  Cost cost;                                                    // a call's, by the ops' own cost()
  double limit_us = 0;  // sum over its ops of what a perfect implementation takes

  double gflops() const { return cost.flops / us / 1e3; }  // a second
  double gbytes() const { return cost.bytes / us / 1e3; }
  double share() const { return limit_us / us; }  // over 1: the data lay in a cache
};

// Ops in order of the time that they take in a frame, then stages in the order of a story. Entries are timed in turn, a
// round for each repeat, so that a machine that slows down slows all of them. ErrorKind::usage: no entry fits the
// filter.
std::vector<BenchEntry> run_bench(Backend& backend, const ModelDir& model, const Limits& limits,
                                  const BenchOptions& options);

}  // namespace seedstory
