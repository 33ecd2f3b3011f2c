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
  // A device that works while the host goes on: timed are launches of a record of many calls (Backend::repeat), behind
  // those that make the record; ops that memory bounds are timed on copies that no cache can hold. Elsewhere they are
  // so of a model whose weights no cache can hold.
  bool is_asynchronous = false;
};

// A backend, the types that it computes in, and what it could do in them.
struct BenchRun {
  Backend& backend;
  StageTypes types;
  Limits limits;
};

// Ops in order of the time that they take in a frame, then stages in the order of a story. Entries are timed in turn, a
// round for each repeat, so that a machine that slows down slows all of them. ErrorKind::usage: no entry fits the
// filter.
//
// Of several runs on one machine, each has its entries in its place: of every round an op is timed in one right behind
// the other, and so are a story's stages. Each has the model for itself.
std::vector<std::vector<BenchEntry>> run_bench(const std::vector<BenchRun>& runs, const ModelDir& model,
                                               const BenchOptions& options);

}  // namespace seedstory
