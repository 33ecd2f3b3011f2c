// The LLM with its cache: tokens in, the next token and pictures' features out. Knows slots, not stories.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "language/language_model.h"
#include "model/trace.h"

namespace seedstory {

bool is_image_token(const Tokenizer& tokenizer, int id);

// What the choice of a token obeys outside a picture.
struct TokenRules {
  float outside = 0;  // the logits of the image tokens and of </img>
  int banned = -1;    // this id is not chosen; -1: none
};

class Session {
 public:
  // Room for so many tokens, at most as many as the model has positions.
  explicit Session(LanguageModel& model, int64_t positions = std::numeric_limits<int64_t>::max());

  // Makes sure that there is room for so many tokens. Where more memory is needed, the cache is empty afterwards.
  void reserve(int64_t positions);

  void clear() { truncate(0); }

  // Puts tokens behind those in the cache. `pictures` are the rows (image tokens, hidden) of embed_image(), one for
  // each run of image tokens in `ids`; without them image tokens have their own learned embeddings. ErrorKind::input
  // when the model has no positions left.
  void append(std::span<const int> ids, std::span<const std::vector<float>* const> pictures = {});

  // Of the token after the last one; ids beyond the tokeniser's vocabulary are cut off. ErrorKind::failed where one is
  // not a number.
  std::vector<float> logits();

  // The id of the largest logit under the rules, the lowest of equals. Only the id leaves the backend, where append()
  // finds it again. ErrorKind::failed where a logit is not a number.
  int pick(const TokenRules& rules);

  // Appends `run`, whose last tokens are all the image tokens, as learned queries in one causal pass, and turns their
  // states into a picture's feature (vit queries, output_dim).
  std::vector<float> decode_image_tokens(std::span<const int> run);

  // feature (vit queries, output_dim) -> its rows in the LLM's context (image tokens, hidden).
  std::vector<float> embed_image(const std::vector<float>& feature, Trace* trace = nullptr);

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
  // What outlives a call: its tensors have the same addresses from token to token.
  struct Persistent {
    Persistent(Arena& arena, const LanguageModel& model, int64_t chunk, int64_t positions);

    KvCache cache;
    Tensor ids;          // i32 (chunk): what Embed reads
    Tensor last_state;   // (1, hidden)
    Tensor outside_ids;  // i32 (image tokens + 1): see TokenRules
  };

  // A picture that is drawn, and where its feature is then.
  struct Drawing {
    Repeat repeat;
    Tensor feature;
  };

  void make_persistent(int64_t positions);
  void take(std::span<const int> ids);
  Tensor embed(int64_t rows);
  void pass(const Tensor& h);
  void note_drawn(std::span<const int> ids);
  void place_pictures(const Tensor& embeddings, std::span<const int> ids,
                      std::span<const std::vector<float>* const> pictures, int64_t& picture_row);
  void take_slots(std::span<const int> ids);
  void upload_ids(std::span<const int> ids);
  void upload_length();

  LanguageModel& model_;
  int64_t chunk_;  // tokens a pass
  std::unique_ptr<Arena> block_;
  std::optional<Persistent> at_;
  Arena work_;
  Repeat token_;                         // embed() and pass() of one row
  std::map<int64_t, Drawing> drawings_;  // by their rows

  std::vector<int32_t> slots_;  // of the kept tokens by rank, then the free ones; the same on the backend
  int32_t length_there_ = -1;   // what the backend's length is; -1: not known
  int id_there_ = -1;           // the first of the backend's ids
  std::vector<int64_t> kept_;
  std::vector<int> ids_;
  int64_t history_ = 0;
  int64_t first_drawn_ = -1;  // rank of the first image token that has its learned embedding, or -1
};

}  // namespace seedstory
