// The LLM with its cache: tokens in, logits and pictures' features out. Knows slots, not stories.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "story/engine.h"
#include "story/trace.h"

namespace seedstory {

class Session {
 public:
  explicit Session(Engine& engine);

  void clear() { truncate(0); }

  // Puts tokens behind those in the cache. `pictures` are the rows (image tokens, hidden) of make_rows(), one for each
  // run of image tokens in `ids`; without them image tokens have their own learned embeddings. ErrorKind::input when
  // the model has no positions left.
  void append(std::span<const int> ids, std::span<const std::vector<float>* const> pictures = {});

  // Of the token after the last one; ids beyond the tokeniser's vocabulary are cut off.
  std::vector<float> logits();

  // Appends `run`, whose last tokens are all the image tokens, as learned queries in one causal pass, and turns their
  // states into a picture's feature (vit queries, output_dim).
  std::vector<float> draw(std::span<const int> run);

  // feature (vit queries, output_dim) -> its rows in the LLM's context (image tokens, hidden).
  std::vector<float> make_rows(const std::vector<float>& feature, Trace* trace = nullptr);

  // Tokens by their index in the history (everything appended and not truncated since the last clear()); ascending.
  const std::vector<int64_t>& kept() const { return kept_; }
  const std::vector<int>& ids() const { return ids_; }  // of the kept tokens
  int64_t history() const { return history_; }

  // Of the kept tokens, only these stay; the others' slots are free again.
  void keep(const std::vector<int64_t>& tokens);
  // Takes back the newest tokens until `count` are left, as if they had never been appended.
  void truncate(int64_t count);

  // How many of `ids` are in the cache already, in the same places and with the same embeddings as append() would give
  // them: image tokens that were drawn are not.
  int64_t common_prefix(std::span<const int> ids) const;

 private:
  Tensor run_chunk(Arena& arena, std::span<const int> ids, std::span<const std::vector<float>* const> pictures,
                   int64_t& picture_row);
  void place_pictures(const Tensor& embeddings, std::span<const int> ids,
                      std::span<const std::vector<float>* const> pictures, int64_t& picture_row);
  void take_slots(std::span<const int> ids);

  Engine& engine_;
  int64_t chunk_;  // tokens a pass
  Arena persistent_;
  std::optional<KvCache> cache_;
  Tensor last_state_;  // (1, hidden)
  Arena work_;

  std::vector<int32_t> slots_, free_;  // by rank; the rest
  std::vector<int64_t> kept_;
  std::vector<int> ids_;
  int64_t history_ = 0;
  int64_t first_drawn_ = -1;  // rank of the first image token that has its learned embedding, or -1
};

}  // namespace seedstory
