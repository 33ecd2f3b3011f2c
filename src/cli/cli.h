// The program without its main: flags in, one call into story, exit code out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "seedstory/backend.h"
#include "seedstory/cpu_set.h"
#include "seedstory/kernels.h"

namespace seedstory {

// The backends this build has; main fills it in, so that nothing here names one.
struct Backends {
  std::function<std::unique_ptr<Backend>(int threads, CpuSet set, Products products)> cpu;  // cpu/cpu_backend.h
  std::function<int()> cpu_cores;                                                           // that it may use
  std::function<CpuSet(CpuSet set)> cpu_set;                                                // what automatic stands for
  std::function<WeightFormat(CpuSet set)> cpu_type;                                         // of --type auto
  std::function<std::unique_ptr<Backend>(int device, bool sync, Kernels kernels)> cuda;     // cuda_backend.h
  std::function<std::vector<std::string>()> cuda_devices;                                   // a line for each
};

// Prints what was asked for, or one line that says what is wrong, in the form that the flags ask for. The exit code.
int run_command_line(int argc, const char* const* argv, const Backends& backends);

}  // namespace seedstory
