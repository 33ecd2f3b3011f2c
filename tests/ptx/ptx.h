// Runs the PTX that nvcc made of a kernel, where tests/simt runs its source: inline assembly, layouts and constant
// folding are those that a card gets. Launchers, op tables, oracle and schedules stay the ones of tests/simt.
//
// Lanes of a warp that are at the lowest instruction run together; warps take turns at barriers, or at random under a
// schedule with a seed. Blocks are resident as the schedule says; who polls lets the next one run. Asynchronous copies
// land early or late. Approximate instructions err by what the PTX ISA allows. What the fibers show better: lanes that
// rely on lock-step.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "program.h"
#include "simt.h"

namespace ptx {

// Every launch that names its kernel runs one of these entries from now on; more files add up. Throws simt::Error.
void use(const std::string& ptx_text);
// All *.ptx files of a folder that were made for `arch`: "compute_80", "compute_90a".
void use_folder(const std::string& folder, const std::string& arch);

// How many instructions warps have executed, by class.
struct Counts {
  std::array<uint64_t, kClasses> of = {};
  uint64_t total = 0;

  uint64_t operator[](Class c) const { return of[size_t(c)]; }
};
// One instruction that a kernel has executed, and what its requests took: wavefronts where `space` is shared, sectors
// where it is global. A cp.async is one of each.
struct MemoryAccess {
  std::string text;
  Space space;
  Class cls;
  bool store;
  int bytes;  // a lane
  Traffic traffic;
};
std::vector<MemoryAccess> memory_accesses(const std::string& kernel);

// Of all launches of a kernel since the counts were cleared; the name as in Entry.
Counts counts(const std::string& kernel);
void clear_counts();
std::string report();  // a line for each kernel that ran

// Runs one entry. Throws simt::Error.
void run(const Entry& entry, const simt::Launch& launch);

}  // namespace ptx
