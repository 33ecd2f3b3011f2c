// Weight files as tensor sources. Nothing in them is trusted; every error names the file and the tensor.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file.h"
#include "seedstory/source.h"

namespace seedstory {

// By content, not by name: a safetensors file, or a torch zip with a pickle inside (read by an allow-list, never run).
// Memory-mapped; the tensors are views. ErrorKind::input if it is neither or broken.
std::unique_ptr<TensorSource> open_weights(const std::filesystem::path& file);

// Whether a file that begins so is one of the two.
bool is_weights(std::span<const uint8_t> bytes);

// The same for a set of shards: an index file "*.index.json" with "weight_map", or a single file.
std::unique_ptr<TensorSource> open_sharded(const std::filesystem::path& file_or_index);

// The tensors of `inner` whose names start with `prefix`, named without it.
std::unique_ptr<TensorSource> strip_prefix(std::shared_ptr<const TensorSource> inner, std::string prefix);

// The tensors of both; where both have a name, `above` wins.
std::unique_ptr<TensorSource> overlay(std::shared_ptr<const TensorSource> above,
                                      std::shared_ptr<const TensorSource> below);

// The tensors of `inner` under the names that `rename` gives; an empty name hides the tensor.
std::unique_ptr<TensorSource> renamed(std::shared_ptr<const TensorSource> inner,
                                      const std::function<std::string(const std::string&)>& rename);

// What the metadata of a safetensors file says of a weight NAME that is held in q8 or q4. The file has its integers as
// NAME, I8 in the weight's shape, or U8 with half of axis 1, where byte i has the numbers 2i, in its lower half, and
// 2i + 1 of the weight in row-major order; and its scales as NAME.scale, F16 in the shape of Weight::scales. Always
// of the same length.
std::string blocks_text(WeightFormat format, std::optional<double> rms_error = {});

// One of the words in a safetensors file's header about the file itself. Nothing: it has none, or is none.
std::optional<std::string> safetensors_metadata(const MappedFile& file, const std::string& key);

// Collects tensors and writes one safetensors file, names sorted, atomically. Host tensors, contiguous; none is copied:
// their memory must stay until write().
class SafetensorsWriter {
 public:
  void add(const std::string& name, const Tensor& t);  // fails on a name that is there already
  // `metadata`: words about the file, in its header. ErrorKind::input: see AtomicFile.
  using Metadata = std::map<std::string, std::string>;
  void write(const std::filesystem::path& path, const std::optional<FileState>& expected = {},
             const Metadata& metadata = {}) const;

 private:
  std::map<std::string, Tensor> tensors_;
};

}  // namespace seedstory
