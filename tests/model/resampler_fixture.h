// Whole causal passes of an LLM over rows of ids with pictures in them.
#pragma once

#include <cstring>
#include <nlohmann/json.hpp>

#include "golden.h"
#include "io/file.h"
#include "model/llama.h"
#include "run.h"

namespace seedstory {

// Ids from a safetensors file, which has them as i64: a type that no engine code reads.
inline std::vector<int32_t> read_ids(const std::filesystem::path& file, const std::string& name) {
  const MappedFile mapped(file);
  const uint8_t* bytes = mapped.bytes().data();
  uint64_t size;
  std::memcpy(&size, bytes, 8);
  const auto entry = nlohmann::json::parse(bytes + 8, bytes + 8 + size).at(name);
  std::vector<int64_t> wide(entry.at("shape")[0].get<size_t>());
  std::memcpy(wide.data(), bytes + 8 + size + entry.at("data_offsets")[0].get<size_t>(), wide.size() * 8);
  return std::vector<int32_t>(wide.begin(), wide.end());
}

struct Range {
  int64_t begin, end;
};

inline std::vector<int32_t> in_order(size_t n) {
  std::vector<int32_t> slots(n);
  for (size_t i = 0; i < n; ++i) slots[i] = int32_t(i);
  return slots;
}

// The states of a causal pass over `ids` in pieces of at most `chunk` tokens. The tokens of the first pictures carry
// `picture_rows`, as many as there are; the others keep their embeddings.
inline std::vector<float> causal_states(Backend& backend, const Llama& llm, const std::vector<int32_t>& ids,
                                        const std::vector<Range>& pictures, const std::vector<float>& picture_rows,
                                        int64_t chunk, const std::vector<int32_t>& slots) {
  const int64_t n = int64_t(ids.size()), hidden = llm.config().hidden;
  return run_sized(backend, [&](Backend& be, Arena& arena) {
    const KvCache cache(arena, llm.config(), n, DType::f32);
    const Tensor x = llm.embed(be, arena, put(be, arena, ids));
    const Tensor y = arena.like(x);
    be.upload(cache.slots, slots.data());
    int64_t used = 0;
    for (const Range& picture : pictures) {
      const int64_t count = (picture.end - picture.begin) * hidden;
      if (used + count > int64_t(picture_rows.size())) break;
      be.upload(x.slice(0, picture.begin, picture.end), picture_rows.data() + used);
      used += count;
    }
    for (int64_t begin = 0; begin < n; begin += chunk) {
      Arena::Scope scope(arena);
      const int64_t end = std::min(n, begin + chunk);
      const auto length = int32_t(end);
      be.upload(cache.length, &length);
      llm.forward(be, arena, x.slice(0, begin, end), cache);
      llm.norm(be, y.slice(0, begin, end), x.slice(0, begin, end));
    }
    return y;
  });
}

}  // namespace seedstory
