// argv in, exit code out; the only place that names a concrete backend.
#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>

#include "../cuda/cuda_backend.h"
#include "cli/cli.h"
#include "cpu/cpu_backend.h"
#include "seedstory/error.h"

namespace {

// One line that a terminal can bear, whatever a file has for names.
std::string one_line(std::string_view message) {
  constexpr size_t kMost = 2000;
  std::string line(message.substr(0, kMost));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return message.size() > kMost ? line + "..." : line;
}

int complain(std::string_view message, seedstory::ErrorKind kind) {
  std::fflush(stdout);
  std::fprintf(stderr, "seedstory: %s\n", one_line(message).c_str());
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
