// --trace: a Trace on disk, as FILE (safetensors) and FILE.json (the token ids of every call).
#pragma once

#include <filesystem>

#include "io/file.h"
#include "model/trace.h"

namespace seedstory {

class TraceFile {
 public:
  // Remembers what is at the two places: it may be replaced, and nothing that comes there later.
  explicit TraceFile(const std::filesystem::path& file);

  // ErrorKind::input: see AtomicFile.
  void write(const Trace& trace) const;

 private:
  std::filesystem::path tensors_, calls_;
  FileState tensors_before_, calls_before_;
};

}  // namespace seedstory
