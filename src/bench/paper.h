// A static roofline: what the kernels of an op take on a card at the least, from what was counted of them without one.
//
// A launch is blocks of so many steps. Of a block and of a step it is known what they ask of each unit
// (cuda/counts.inc: instructions of nvcc's PTX that tests/ptx executes, and their machine code). The multiprocessor
// with most blocks takes as long as the unit that is asked for most; the card's memory as long as each byte once.
// Latencies are left out, and units that work at the same time count once: a card can be slower, not faster.
#pragma once

#include <string>
#include <vector>

#include "bench/card.h"
#include "bench/listing.h"

namespace seedstory {

// What blocks of a kernel ask of their multiprocessor.
struct Asked {
  double mma, issued;     // instructions of warps: m16n8k16; all
  double exp;             // of the unit for exponentials, roots and quotients
  double shared;          // wavefronts of shared memory
  double loaded, stored;  // sectors of 32 bytes
};
struct KernelCounts {
  const char* arch;
  const char* kernel;
  int resident, resident_of_86;  // blocks of a multiprocessor at a time; of one of 8.6 or 8.9, which has less memory
  Asked block;                   // beside its steps
  Asked step;
};

// A kernel as tests/ptx spells it, what else its costs depend on (" gelu", or empty), its blocks, and the steps of
// each: 32 of a product's k, 1024 where it has up to 8 rows; a tile of keys; 256 of a norm's row.
struct PaperLaunch {
  std::string kernel, variant;
  int64_t blocks = 0;
  double steps = 0;
};

// The launches that the CUDA backend makes for an op on this card; none where this file does not know.
std::vector<PaperLaunch> launches_of(const AnyOp& op, const Card& card);

struct PaperTime {
  double us = 0;
  std::string bound;    // the unit that is asked for most
  std::string kernels;  // where `us` is 0, what was not counted of them
};
PaperTime launch_time(const PaperLaunch& launch, const KernelCounts& counts, const Card& card);
PaperTime paper_time(const AnyOp& op, const Card& card);

struct PaperEntry : BenchEntry {  // share(): at most so much of the limit
  std::string bound, kernels;
  double counted = 1;  // of a stage: the share of its limit that ops with counts have; others are taken at their limit
};

struct PaperOptions {
  bool ops = true, stages = true;
  std::string filter;
  StageTypes types;
};

// Ops by the time that they take in a frame, then stages. ErrorKind::usage: a card that there are no counts for, or
// no entry that fits the filter.
std::vector<PaperEntry> run_paper(const Card& card, const ModelDir& model, const Limits& limits,
                                  const PaperOptions& options);

}  // namespace seedstory
