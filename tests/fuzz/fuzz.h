// What the fuzz targets share. A target is a file with one LLVMFuzzerTestOneInput; libFuzzer drives it (scripts/fuzz),
// and so does replay.cpp, in every build of the tests, with the inputs that once found a mistake.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "seedstory/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace seedstory {

// A file that is on no disk. Its name may be given to anything that opens files while the object lives.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes = {});
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void set(std::string_view bytes);
  std::filesystem::path path() const;

 private:
  int fd_;
};

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void not_refused(const char* what) {
  std::fprintf(stderr, "not refused as input: %s\n", what);
  std::abort();
}

// What the program may do with hostile bytes: take them, or refuse them with an exit code that says whose fault it is.
// Any other exception leaves, and is a finding.
template <class F>
void take_or_refuse(F&& run) {
  try {
    run();
  } catch (const Error& error) {
    if (error.kind == ErrorKind::failed) not_refused(error.what());
  }
}

// The same of a whole command, by its exit code.
inline void taken_or_refused(int exit_code) {
  if (exit_code == int(ErrorKind::failed)) not_refused("see the line above");
}

}  // namespace seedstory
