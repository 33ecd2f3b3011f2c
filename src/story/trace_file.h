// --trace: a Trace on disk, as FILE (safetensors) and FILE.json (the token ids of every call).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/file.h"
#include "model/trace.h"

namespace seedstory {

class TraceFile {
 public:
  // Remembers what is at the two places: it may be replaced, and nothing that comes there later.
  explicit TraceFile(const std::filesystem::path& file);

  // `mark` says whose trace it is, in both files. ErrorKind::input: see AtomicFile.
  void write(const Trace& trace, const std::string& mark) const;

 private:
  std::filesystem::path tensors_, calls_;
  FileState tensors_before_, calls_before_;
};

// The mark in one of a trace's two files; nothing: it is none of them. ErrorKind::input: it cannot be read.
std::optional<std::string> trace_mark(const std::filesystem::path& file);

}  // namespace seedstory
