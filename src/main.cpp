// argv in, exit code out; the only place that names a concrete backend.
#include <csignal>

#include "../cuda/cuda_backend.h"
#include "cli/cli.h"
#include "cpu/cpu_backend.h"

int main(int argc, char** argv) {
  // `seedstory generate | head -1` ends the program without a word, also under a parent that ignores the signal.
  std::signal(SIGPIPE, SIG_DFL);
  // Past a limit of file sizes writing fails with a message, like on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  return seedstory::run_command_line(
      argc, argv,
      {.cpu = seedstory::make_cpu_backend,
       .cpu_cores = seedstory::cpu_cores,
       .cpu_set = seedstory::cpu_set,
       .cpu_type = seedstory::cpu_product_type,
       .cuda = [](int device, bool sync,
                  seedstory::Kernels kernels) { return seedstory::make_cuda_backend(device, sync, kernels); },
       .cuda_devices = seedstory::cuda_devices});
}
