// The KV cache's slots, the uploads of a call, and the passes over them.
#include "language/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/activation_bytes.h"

namespace seedstory {
namespace {

static_assert(sizeof(int) == sizeof(int32_t));  // ids go to the backend as they are

int64_t image_tokens(const LanguageModel& model) {
  return model.config.input_resampler.queries;
}

// A whole picture and <img> pass at once, and never more than there are positions.
int64_t chunk_size(const LanguageModel& model) {
  return std::min(std::max(model.backend.rows_at_once(), image_tokens(model) + 2), model.config.llm.max_positions);
}

// The largest of what append(), decode_image_tokens(), logits(), pick() and embed_image() need.
int64_t work_bytes(const LanguageModel& model) {
  const LlamaConfig& llm = model.config.llm;
  Arena elsewhere;
  const KvCache cache(elsewhere, llm, llm.max_positions, model.cache);
  return dry_run_bytes([&](Backend& be, Arena& arena) {
    {
      Arena::Scope scope(arena);
      const int64_t rows = chunk_size(model), images = image_tokens(model);
      const Tensor h = model.llm->embed(be, arena, elsewhere.make(DType::i32, {rows}));
      model.llm->forward(be, arena, h, cache);
      const Tensor states = arena.make(h.dtype, {images, llm.hidden});
      model.llm->norm(be, states, h.slice(0, rows - images, rows));
      model.output_resampler->forward(be, arena, states.reshape({1, images, llm.hidden}));
    }
    {
      Arena::Scope scope(arena);
      model.llm->logits(be, arena, elsewhere.make(model.activations, {1, llm.hidden}));
    }
    Arena::Scope scope(arena);
    const VitConfig& vit = model.config.vit;
    model.input_resampler->forward(be, arena, arena.make(model.activations, {1, vit.queries, vit.output_dim}));
  });
}

[[noreturn]] void fail_not_finite() {
  fail("the LLM's logits are not finite");
}

}  // namespace

bool is_image_token(const Tokenizer& tokenizer, int id) {
  const auto& images = tokenizer.image_tokens();
  return std::find(images.begin(), images.end(), id) != images.end();
}

Session::Persistent::Persistent(Arena& arena, const LanguageModel& model, int64_t chunk, int64_t positions)
    : cache(arena, model.config.llm, positions, model.cache),
      ids(arena.make(DType::i32, {chunk})),
      last_state(arena.make(model.activations, {1, model.config.llm.hidden})),
      outside_ids(arena.make(DType::i32, {image_tokens(model) + 1})) {}

Session::Session(LanguageModel& model, int64_t positions)
    : model_(model), chunk_(chunk_size(model)), work_(model.backend, work_bytes(model)) {
  make_persistent(std::clamp<int64_t>(positions, 1, model.config.llm.max_positions));
}

void Session::make_persistent(int64_t positions) {
  token_ = {}, drawings_.clear();
  at_.reset(), block_.reset();
  Arena counting;
  const Persistent counted(counting, model_, chunk_, positions);
  block_ = std::make_unique<Arena>(model_.backend, counting.peak_bytes());
  at_.emplace(*block_, model_, chunk_, positions);

  slots_.resize(size_t(positions));
  std::iota(slots_.begin(), slots_.end(), 0);
  model_.backend.upload(at_->cache.slots, slots_.data());
  std::vector<int> outside = model_.tokenizer.image_tokens();
  outside.push_back(model_.tokenizer.end_image());
  model_.backend.upload(at_->outside_ids, outside.data());
  length_there_ = id_there_ = -1;
}

void Session::reserve(int64_t positions) {
  positions = std::min(positions, model_.config.llm.max_positions);
  if (positions <= int64_t(slots_.size())) return;
  clear();
  make_persistent(positions);
}

void Session::append(std::span<const int> ids, std::span<const std::vector<float>* const> pictures) {
  int64_t picture_row = 0;
  for (size_t begin = 0; begin < ids.size(); begin += size_t(chunk_)) {
    Arena::Scope scope(work_);
    const std::span<const int> chunk = ids.subspan(begin, std::min(size_t(chunk_), ids.size() - begin));
    take(chunk);
    if (pictures.empty()) note_drawn(chunk);
    if (chunk.size() == 1 && pictures.empty()) {
      model_.backend.repeat(token_, [&] { pass(embed(1)); });
    } else {
      const Tensor h = embed(int64_t(chunk.size()));
      if (!pictures.empty()) place_pictures(h, chunk, pictures, picture_row);
      pass(h);
    }
  }
}

// What the backend must know of a pass over at most chunk_ tokens.
void Session::take(std::span<const int> ids) {
  take_slots(ids);
  upload_ids(ids);
  upload_length();
}

// The residual stream (rows, hidden) of the newest tokens as it begins.
Tensor Session::embed(int64_t rows) {
  return model_.llm->embed(model_.backend, work_, at_->ids.slice(0, 0, rows));
}

void Session::pass(const Tensor& h) {
  model_.llm->forward(model_.backend, work_, h, at_->cache);
  model_.llm->norm(model_.backend, at_->last_state, h.slice(0, h.dim[0] - 1, h.dim[0]));
}

// The newest tokens have their learned embeddings, image tokens as well.
void Session::note_drawn(std::span<const int> ids) {
  if (first_drawn_ >= 0) return;
  const auto first = std::find_if(ids.begin(), ids.end(), [&](int id) { return is_image_token(model_.tokenizer, id); });
  if (first != ids.end()) first_drawn_ = int64_t(ids_.size()) - (ids.end() - first);
}

// What pick() chose is there already.
void Session::upload_ids(std::span<const int> ids) {
  if (ids.size() == 1 && ids[0] == id_there_) return;
  model_.backend.upload(at_->ids.slice(0, 0, int64_t(ids.size())), ids.data());
  id_there_ = ids[0];
}

void Session::upload_length() {
  const int32_t length = int32_t(kept_.size());
  if (length == length_there_) return;
  model_.backend.upload(at_->cache.length, &length);
  length_there_ = length;
}

// A picture's rows lie together, in `ids` and in memory: one upload.
void Session::place_pictures(const Tensor& embeddings, std::span<const int> ids,
                             std::span<const std::vector<float>* const> pictures, int64_t& picture_row) {
  const int64_t a_picture = image_tokens(model_), hidden = model_.config.llm.hidden, end = int64_t(ids.size());
  const Tokenizer& tokenizer = model_.tokenizer;
  for (int64_t i = 0; i < end; ++i) {
    if (!is_image_token(tokenizer, ids[size_t(i)])) continue;
    const int64_t first = picture_row % a_picture;
    int64_t last = i + 1;
    while (last < end && last - i < a_picture - first && is_image_token(tokenizer, ids[size_t(last)])) ++last;
    const std::vector<float>& rows = *pictures[size_t(picture_row / a_picture)];
    upload_values(model_.backend, embeddings.slice(0, i, last), &rows[size_t(first * hidden)]);
    picture_row += last - i;
    i = last - 1;
  }
}

void Session::take_slots(std::span<const int> ids) {
  const size_t length = kept_.size() + ids.size();
  const int64_t most = model_.config.llm.max_positions;
  if (int64_t(length) > most)
    fail_input(
        fmt::format("the story so far and its next tokens are {} long, the model has {} positions; shorten the "
                    "prompt, or use a smaller --window (--policy window, sink or mm_sink)",
                    length, most));
  if (length > slots_.size()) fail(fmt::format("Session: {} tokens came, there is room for {}", length, slots_.size()));
  for (int id : ids) {
    kept_.push_back(history_++);
    ids_.push_back(id);
  }
}

std::vector<float> Session::logits() {
  Arena::Scope scope(work_);
  std::vector<float> all(model_.config.llm.vocab);
  model_.backend.download(all.data(), model_.llm->logits(model_.backend, work_, at_->last_state));
  all.resize(model_.tokenizer.vocab_size());
  if (std::any_of(all.begin(), all.end(), [](float l) { return std::isnan(l); })) fail_not_finite();
  return all;
}

int Session::pick(const TokenRules& rules) {
  Arena::Scope scope(work_);
  Backend& be = model_.backend;
  const Tensor logits = model_.llm->logits(be, work_, at_->last_state), id = at_->ids.slice(0, 0, 1);
  be.run(PickToken{.id = id,
                   .length = at_->cache.length,
                   .logits = logits.slice(1, 0, model_.tokenizer.vocab_size()),
                   .outside_ids = at_->outside_ids,
                   .outside = rules.outside,
                   .banned = rules.banned});
  if (length_there_ >= 0) ++length_there_;
  int32_t picked = 0;
  be.download(&picked, id);
  if (picked < 0) fail_not_finite();
  return id_there_ = picked;
}

std::vector<float> Session::decode_image_tokens(std::span<const int> run) {
  const int64_t images = image_tokens(model_), rows = int64_t(run.size()), hidden = model_.config.llm.hidden;
  Backend& be = model_.backend;
  Arena::Scope scope(work_);
  take(run);
  note_drawn(run);
  Drawing& drawing = drawings_[rows];
  be.repeat(drawing.repeat, [&] {
    const Tensor h = embed(rows);
    pass(h);
    const Tensor states = work_.make(h.dtype, {images, hidden});
    model_.llm->norm(be, states, h.slice(0, rows - images, rows));
    drawing.feature = model_.output_resampler->forward(be, work_, states.reshape({1, images, hidden}));
  });
  return values_of(be, drawing.feature);
}

std::vector<float> Session::embed_image(const std::vector<float>& feature, Trace* trace) {
  const VitConfig& vit = model_.config.vit;
  Arena::Scope scope(work_);
  const Tensor in = work_.make(model_.activations, {1, vit.queries, vit.output_dim});
  upload_values(model_.backend, in, feature.data());
  const Tensor out = model_.input_resampler->forward(model_.backend, work_, in);
  if (trace) trace->record(model_.backend, "input_resampler.output", out);
  return values_of(model_.backend, out);
}

void Session::keep(const std::vector<int64_t>& tokens) {
  const size_t length = kept_.size();
  std::vector<int32_t> gone;
  size_t out = 0, first_gone = 0;
  for (size_t rank = 0; rank < length; ++rank) {
    if (out < tokens.size() && kept_[rank] == tokens[out]) {
      slots_[out] = slots_[rank];
      ids_[out] = ids_[rank];
      kept_[out++] = kept_[rank];
    } else {
      if (gone.empty()) first_gone = rank;
      gone.push_back(slots_[rank]);
    }
  }
  ids_.resize(out);
  kept_.resize(out);
  if (gone.empty()) return;
  std::copy(gone.begin(), gone.end(), slots_.begin() + std::ptrdiff_t(out));
  model_.backend.upload(at_->cache.slots.slice(0, int64_t(first_gone), int64_t(length)), &slots_[first_gone]);
}

void Session::truncate(int64_t count) {
  count = std::min(count, int64_t(kept_.size()));
  kept_.resize(size_t(count));
  ids_.resize(size_t(count));
  history_ = kept_.empty() ? 0 : kept_.back() + 1;
  if (first_drawn_ >= count) first_drawn_ = -1;
}

int64_t Session::common_prefix(std::span<const int> ids) const {
  const auto end = std::mismatch(ids.begin(), ids.end(), ids_.begin(), ids_.end()).first;
  const int64_t same = end - ids.begin();
  return first_drawn_ >= 0 ? std::min(same, first_drawn_) : same;
}

}  // namespace seedstory
