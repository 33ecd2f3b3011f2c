// How long the model's ops and stages take on a backend, beside what the machine could do.
#pragma once

#include <string>
#include <vector>

#include "bench/listing.h"
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

// Ops in order of the time that they take in a frame, then stages in the order of a story. Entries are timed in turn, a
// round for each repeat, so that a machine that slows down slows all of them. ErrorKind::usage: no entry fits the
// filter.
std::vector<BenchEntry> run_bench(Backend& backend, const ModelDir& model, const Limits& limits,
                                  const BenchOptions& options);

// The same for several backends of one machine, each in its place: of every round an op is timed on one right behind
// the other, and so are a story's stages. Each has the model for itself.
std::vector<std::vector<BenchEntry>> run_bench(const std::vector<Backend*>& backends, const ModelDir& model,
                                               const Limits& limits, const BenchOptions& options);

}  // namespace seedstory
