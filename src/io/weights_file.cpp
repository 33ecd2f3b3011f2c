// Tells containers apart by their first bytes; shards, and the writer of safetensors.
#include "io/weights_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "io/json.h"
#include "io/mapped_source.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

bool starts_with(std::span<const uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

bool is_torch(std::span<const uint8_t> bytes) {
  return starts_with(bytes, "PK");
}
bool is_safetensors(std::span<const uint8_t> bytes) {
  return bytes.size() > 8 && bytes[8] == '{';
}

std::unique_ptr<MappedSource> open_mapped(const fs::path& path) {
  auto file = std::make_unique<MappedFile>(path);
  const auto bytes = file->bytes();
  if (is_torch(bytes)) return read_torch(std::move(file));
  if (is_safetensors(bytes)) return read_safetensors(std::move(file));
  // Two files that people do have, and that would puzzle them.
  if (starts_with(bytes, "version https://git-lfs"))
    fail_input(path.string() + ": a git-lfs pointer, not the weights themselves; fetch them with `git lfs pull`");
  if (starts_with(bytes, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9"))
    fail_input(path.string() + ": a torch file of before 1.6, not a zip archive; load and save it with a newer torch");
  fail_input(path.string() + ": neither a safetensors file nor a torch zip archive");
}

// Tensors of other sources under names of our own.
class NamedSource : public TensorSource {
 public:
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, tensor] : tensors) out.push_back(name);
    return out;
  }
  const StoredTensor* find(std::string_view name) const override {
    const auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : it->second;
  }

  UnreadTensors unread() const override { return unread_tensors; }
  void let_go(const void* bytes, int64_t count) const override {
    for (const auto& owner : owners) owner->let_go(bytes, count);  // each knows its own
  }

  std::map<std::string, const StoredTensor*, std::less<>> tensors;
  UnreadTensors unread_tensors;
  std::vector<std::shared_ptr<const TensorSource>> owners;
};

// {shard: the names in it}
std::map<std::string, std::vector<std::string>> read_index(const fs::path& path) {
  const auto index = parse_json(read_text_file(path), path.string(), 8);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    fail_input(path.string() + ": has no object \"weight_map\"");
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    if (file.empty() || file == ".." || fs::path(file).filename() != file)
      fail_input(fmt::format("{}: weight_map: {} is in {}, expected a file in the same folder", path.string(), name,
                             shard.dump()));
    shards[file].push_back(name);
  }
  return shards;
}

}  // namespace

bool is_weights(std::span<const uint8_t> bytes) {
  return is_torch(bytes) || is_safetensors(bytes);
}

std::unique_ptr<TensorSource> open_weights(const fs::path& file) {
  return open_mapped(file);
}

std::unique_ptr<TensorSource> open_sharded(const fs::path& file_or_index) {
  if (!file_or_index.filename().string().ends_with(".index.json")) return open_weights(file_or_index);
  auto out = std::make_unique<NamedSource>();
  for (const auto& [file, names] : read_index(file_or_index)) {
    const fs::path path = file_or_index.parent_path() / file;
    const std::shared_ptr<const MappedSource> shard = open_mapped(path);
    for (const std::string& name : names)
      if (!shard->has(name))
        fail_input(fmt::format("{}: {} is not in it, though {} says so", path.string(), name, file_or_index.string()));
    for (const auto& [name, tensor] : shard->tensors)
      if (!out->tensors.emplace(name, &tensor).second)
        fail_input(fmt::format("{}: {} is also in {}", path.string(), name, out->find(name)->file));
    out->unread_tensors.merge(shard->unread());
    out->owners.push_back(shard);
  }
  return out;
}

std::unique_ptr<TensorSource> renamed(std::shared_ptr<const TensorSource> inner,
                                      const std::function<std::string(const std::string&)>& rename) {
  auto out = std::make_unique<NamedSource>();
  for (const std::string& name : inner->names()) {
    const std::string own = rename(name);
    if (own.empty()) continue;
    const StoredTensor* tensor = inner->find(name);
    if (!out->tensors.emplace(own, tensor).second)
      fail_input(fmt::format("{}: two tensors would be called {}, one of them is {}", tensor->file, own, name));
  }
  for (const auto& [name, tensor] : inner->unread())
    if (const std::string own = rename(name); !own.empty()) out->unread_tensors.emplace(own, tensor);
  out->owners.push_back(std::move(inner));
  return out;
}

std::unique_ptr<TensorSource> strip_prefix(std::shared_ptr<const TensorSource> inner, std::string prefix) {
  return renamed(std::move(inner), [&](const std::string& name) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string();
  });
}

std::unique_ptr<TensorSource> overlay(std::shared_ptr<const TensorSource> above,
                                      std::shared_ptr<const TensorSource> below) {
  auto out = std::make_unique<NamedSource>();
  out->unread_tensors = above->unread();     // what below has under that name is not meant either
  for (const auto& source : {above, below})  // emplace keeps what is there already
    for (const std::string& name : source->names())
      if (!out->unread_tensors.contains(name)) out->tensors.emplace(name, source->find(name));
  out->unread_tensors.merge(below->unread());
  out->owners = {std::move(above), std::move(below)};
  return out;
}

}  // namespace seedstory
