#include "story/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "model/sizing.h"

namespace seedstory {
namespace {

// Prompts pass through the network in pieces of this many tokens: enough rows to be bound by arithmetic, few enough
// that activations stay small. The result does not depend on it.
constexpr int64_t kChunk = 128;

Engine& entered(Engine& engine) {
  engine.enter(Stage::tell);
  return engine;
}

int64_t image_tokens(const Engine& engine) {
  return engine.config.input_resampler.queries;
}

int64_t chunk_size(const Engine& engine) {
  return std::max(kChunk, image_tokens(engine) + 2);
}

// Keys, values and the state of the last token.
Tensor make_persistent(Arena& arena, const LlamaConfig& llm, std::optional<KvCache>& cache) {
  cache.emplace(arena, llm, llm.max_positions);
  return arena.make(DType::f32, {1, llm.hidden});
}

int64_t persistent_bytes(const Engine& engine) {
  Arena counting;
  std::optional<KvCache> cache;
  make_persistent(counting, engine.config.llm, cache);
  return counting.peak_bytes();
}

// The largest of what append(), draw(), logits() and make_rows() need.
int64_t work_bytes(const Engine& engine, const KvCache& cache) {
  const LlamaConfig& llm = engine.config.llm;
  return dry_run_bytes([&](Backend& be, Arena& arena) {
    {
      Arena::Scope scope(arena);
      const int64_t rows = chunk_size(engine), images = image_tokens(engine);
      const Tensor ids = arena.make(DType::i32, {rows}), slots = arena.make(DType::i32, {llm.max_positions});
      const Tensor x = engine.llm->embed(be, arena, ids);
      const Tensor states = engine.llm->forward(be, arena, x, cache, slots);
      const Tensor seen = states.slice(0, rows - images, rows).reshape({1, images, llm.hidden});
      engine.output_resampler->forward(be, arena, seen);
    }
    {
      Arena::Scope scope(arena);
      engine.llm->logits(be, arena, arena.make(DType::f32, {1, llm.hidden}));
    }
    Arena::Scope scope(arena);
    const VitConfig& vit = engine.config.vit;
    engine.input_resampler->forward(be, arena, arena.make(DType::f32, {1, vit.queries, vit.output_dim}));
  });
}

}  // namespace

Session::Session(Engine& engine)
    : engine_(entered(engine)),
      chunk_(chunk_size(engine)),
      persistent_(engine.backend, persistent_bytes(engine)),
      last_state_(make_persistent(persistent_, engine.config.llm, cache_)),
      work_(engine.backend, work_bytes(engine, *cache_)),
      free_(engine.config.llm.max_positions) {
  std::iota(free_.rbegin(), free_.rend(), 0);  // the lowest is taken first
}

void Session::append(std::span<const int> ids, std::span<const std::vector<float>* const> pictures) {
  int64_t picture_row = 0;
  for (size_t begin = 0; begin < ids.size(); begin += chunk_) {
    const auto part = ids.subspan(begin, std::min(size_t(chunk_), ids.size() - begin));
    Arena::Scope scope(work_);
    run_chunk(work_, part, pictures, picture_row);
  }
}

// One pass over at most chunk_ tokens -> their states (rows, hidden).
Tensor Session::run_chunk(Arena& arena, std::span<const int> ids, std::span<const std::vector<float>* const> pictures,
                          int64_t& picture_row) {
  Backend& be = engine_.backend;
  take_slots(ids);
  const int64_t rows = int64_t(ids.size());
  const std::vector<int32_t> ids32(ids.begin(), ids.end());
  const Tensor ids_tensor = arena.make(DType::i32, {rows}), slots = arena.make(DType::i32, {int64_t(slots_.size())});
  be.upload(ids_tensor, ids32.data());
  be.upload(slots, slots_.data());
  const Tensor x = engine_.llm->embed(be, arena, ids_tensor);
  place_pictures(x, ids, pictures, picture_row);
  const Tensor states = engine_.llm->forward(be, arena, x, *cache_, slots);
  be.run(Convert{.y = last_state_, .x = states.slice(0, rows - 1, rows)});
  return states;
}

void Session::place_pictures(const Tensor& embeddings, std::span<const int> ids,
                             std::span<const std::vector<float>* const> pictures, int64_t& picture_row) {
  const auto& images = engine_.tokenizer.image_tokens();
  const int64_t a_picture = int64_t(images.size()), hidden = engine_.config.llm.hidden;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (std::find(images.begin(), images.end(), ids[i]) == images.end()) continue;
    if (pictures.empty()) {
      if (first_drawn_ < 0) first_drawn_ = int64_t(ids_.size() - ids.size() + i);
      continue;
    }
    const std::vector<float>& rows = *pictures[picture_row / a_picture];
    engine_.backend.upload(embeddings.slice(0, i, i + 1), &rows[picture_row % a_picture * hidden]);
    ++picture_row;
  }
}

void Session::take_slots(std::span<const int> ids) {
  if (free_.size() < ids.size())
    fail_input(
        fmt::format("the story so far and its next tokens are {} long, the model has {} positions; shorten the "
                    "prompt, or use a smaller --window (--policy window, sink or mm_sink)",
                    slots_.size() + ids.size(), engine_.config.llm.max_positions));
  for (int id : ids) {
    slots_.push_back(free_.back());
    free_.pop_back();
    kept_.push_back(history_++);
    ids_.push_back(id);
  }
}

std::vector<float> Session::logits() {
  Arena::Scope scope(work_);
  std::vector<float> all(engine_.config.llm.vocab);
  engine_.backend.download(all.data(), engine_.llm->logits(engine_.backend, work_, last_state_));
  all.resize(engine_.tokenizer.vocab_size());
  return all;
}

std::vector<float> Session::draw(std::span<const int> run) {
  const int64_t images = image_tokens(engine_), rows = int64_t(run.size());
  Arena::Scope scope(work_);
  int64_t picture_row = 0;
  const Tensor states = run_chunk(work_, run, {}, picture_row);
  const Tensor seen = states.slice(0, rows - images, rows).reshape({1, images, engine_.config.llm.hidden});
  const Tensor feature = engine_.output_resampler->forward(engine_.backend, work_, seen);
  std::vector<float> host(feature.numel());
  engine_.backend.download(host.data(), feature);
  return host;
}

std::vector<float> Session::make_rows(const std::vector<float>& feature, Trace* trace) {
  const VitConfig& vit = engine_.config.vit;
  Arena::Scope scope(work_);
  const Tensor in = work_.make(DType::f32, {1, vit.queries, vit.output_dim});
  engine_.backend.upload(in, feature.data());
  const Tensor out = engine_.input_resampler->forward(engine_.backend, work_, in);
  if (trace) trace->record(engine_.backend, "input_resampler.output", out);
  std::vector<float> rows(out.numel());
  engine_.backend.download(rows.data(), out);
  return rows;
}

void Session::keep(const std::vector<int64_t>& tokens) {
  size_t out = 0;
  for (size_t rank = 0; rank < kept_.size(); ++rank) {
    if (out < tokens.size() && kept_[rank] == tokens[out]) {
      slots_[out] = slots_[rank];
      ids_[out] = ids_[rank];
      kept_[out++] = kept_[rank];
    } else {
      free_.push_back(slots_[rank]);
    }
  }
  slots_.resize(out);
  ids_.resize(out);
  kept_.resize(out);
}

void Session::truncate(int64_t count) {
  for (; int64_t(slots_.size()) > count; slots_.pop_back()) free_.push_back(slots_.back());
  kept_.resize(slots_.size());
  ids_.resize(slots_.size());
  history_ = kept_.empty() ? 0 : kept_.back() + 1;
  if (first_drawn_ >= count) first_drawn_ = -1;
}

int64_t Session::common_prefix(std::span<const int> ids) const {
  const auto end = std::mismatch(ids.begin(), ids.end(), ids_.begin(), ids_.end()).first;
  const int64_t same = end - ids.begin();
  return first_drawn_ >= 0 ? std::min(same, first_drawn_) : same;
}

}  // namespace seedstory
