// What the readers of weight files share: the tensors of one mapped file, and bytes with an aligned address.
#pragma once

#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/file.h"
#include "seedstory/source.h"

namespace seedstory {

class MappedSource : public TensorMap {
 public:
  explicit MappedSource(std::unique_ptr<MappedFile> file) : file_(std::move(file)) {}

  const MappedFile& file() const { return *file_; }
  std::string path() const { return file_->path().string(); }

  // The bytes at an address that is a multiple of `element_bytes`. Whoever wrote the file saw to that, as a rule, and
  // this is the mapping itself; otherwise (a repacked zip, safetensors of before 0.3) it is a copy that lives here.
  const uint8_t* aligned(std::span<const uint8_t> bytes, int64_t element_bytes) {
    if (reinterpret_cast<uintptr_t>(bytes.data()) % uintptr_t(element_bytes) == 0) return bytes.data();
    copies_.push_back(std::make_unique<uint8_t[]>(bytes.size()));
    std::memcpy(copies_.back().get(), bytes.data(), bytes.size());
    return copies_.back().get();
  }

  void let_go(const void* bytes, int64_t count) const override { file_->let_go(bytes, count); }

  std::set<std::string> scales;  // of i8 tensors, which have them

  bool has(const std::string& name) const {
    return tensors.contains(name) || scales.contains(name) || unread_tensors.contains(name);
  }

 private:
  std::unique_ptr<MappedFile> file_;
  std::vector<std::unique_ptr<uint8_t[]>> copies_;
};

std::unique_ptr<MappedSource> read_safetensors(std::unique_ptr<MappedFile> file);
std::unique_ptr<MappedSource> read_torch(std::unique_ptr<MappedFile> file);

}  // namespace seedstory
