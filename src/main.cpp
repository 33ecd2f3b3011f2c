// argv in, exit code out; the only place that names a concrete backend.
#include <csignal>
#include <cstdio>
#include <new>

#include "../cuda/cuda_backend.h"
#include "cli/cli.h"
#include "cpu/cpu_backend.h"
#include "seedstory/error.h"

namespace {

int complain(const char* message, seedstory::ErrorKind kind) {
  std::fflush(stdout);
  std::fprintf(stderr, "seedstory: %s\n", message);
  return int(kind);
}

}  // namespace

int main(int argc, char** argv) {
  // `seedstory generate | head -1` ends the program without a word, also under a parent that ignores the signal.
  std::signal(SIGPIPE, SIG_DFL);
  try {
    return seedstory::run_command_line(argc, argv,
                                       {.cpu = seedstory::make_cpu_backend, .cuda = seedstory::make_cuda_backend});
  } catch (const seedstory::Error& error) {
    return complain(error.what(), error.kind);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", seedstory::ErrorKind::resource);
  } catch (const std::exception& error) {
    return complain(error.what(), seedstory::ErrorKind::failed);
  }
}
