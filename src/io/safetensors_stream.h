// A safetensors file that is written as its numbers come.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/new_folder.h"
#include "io/weights_file.h"

namespace seedstory {

struct SafetensorsEntry {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
};

class SafetensorsStream {
 public:
  // Writes the header. The entries lie in the file in this order, without gaps.
  SafetensorsStream(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                    const SafetensorsWriter::Metadata& metadata);

  // The next bytes of the entries, one behind the other.
  void write(std::string_view bytes);
  // What the metadata is in the end: the same names, with words of the same length.
  void finish(const SafetensorsWriter::Metadata& metadata);

  int64_t bytes() const { return int64_t(header_.size()) + written_; }

 private:
  std::vector<SafetensorsEntry> entries_;
  std::string header_;
  int64_t written_ = 0;  // of the entries
  NewFile file_;
};

}  // namespace seedstory
