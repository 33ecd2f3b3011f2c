// Tokens until a picture begins; from there all of them are known, and one pass gives the picture's feature.
#include "language/token_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace seedstory {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

std::vector<int> picture_ids(const Tokenizer& tokenizer) {
  std::vector<int> ids = tokenizer.image_tokens();
  ids.insert(ids.begin(), tokenizer.begin_image());
  ids.push_back(tokenizer.end_image());
  return ids;
}

void add_picture(std::vector<Segment>& segments, const Tokenizer& tokenizer) {
  for (int id : picture_ids(tokenizer)) segments.push_back({"", id});
}

std::vector<int> text_ids(const Tokenizer& tokenizer, std::vector<int> ids) {
  std::erase_if(ids, [&](int id) {
    return id == Tokenizer::eos || id == tokenizer.begin_image() || id == tokenizer.end_image() ||
           is_image_token(tokenizer, id);
  });
  return ids;
}

TokenGenerator::TokenGenerator(LanguageModel& model, Session& session, const StoryRequest& request,
                               StoryListener& listener, bool traced)
    : model_(model),
      session_(session),
      request_(request),
      listener_(listener),
      traced_(traced),
      sampler_(request.sampling, request.seed),
      picture_(picture_ids(model.tokenizer)) {}

// Published rule (AutoImageTokenGenerationProcessor): outside a picture the logits of its tokens are 0. That is a slip
// for "never"; models of ours get what was meant. Where the program ends the call, </s> is never right either.
TokenRules TokenGenerator::rules(CallEnd ends) const {
  return {.outside = model_.config.call_ends == CallEnd::eos ? 0.0f : kNever,
          .banned = ends == CallEnd::eoi ? Tokenizer::eos : -1};
}

// The greedy choice stays on the backend. What samples, penalises or is traced wants the logits here.
int TokenGenerator::next_token(Generation& said, CallEnd ends) {
  const bool keep_logits = traced_ && said.ids.empty();
  const TokenRules rules = this->rules(ends);
  if (sampler_.is_greedy() && !keep_logits) return session_.pick(rules);
  std::vector<float> logits = session_.logits();
  if (keep_logits) said.first_logits = logits;
  for (size_t i = 1; i < picture_.size(); ++i) logits[picture_[i]] = rules.outside;
  if (rules.banned >= 0) logits[rules.banned] = kNever;
  return sampler_.pick(logits, session_.ids());
}

// Shows what is safe to show: whole words, and nothing that might still become a tag.
void TokenGenerator::show(int64_t index, const std::vector<int>& said, bool last) {
  const std::string now = display_text(clean_text(model_.tokenizer.decode(said)), "");
  size_t end = now.size();
  if (!last) end = std::min({end, now.rfind(' ') == std::string::npos ? 0 : now.rfind(' '), now.find('<')});
  if (end <= shown_.size() || now.compare(0, shown_.size(), shown_) != 0) return;
  listener_.on_text(index, std::string_view(now).substr(shown_.size(), end - shown_.size()));
  shown_ = now.substr(0, end);
}

// From a picture's first token on the rest is known (each forces the next): all of it in one pass. `said` ends with
// that first token, <img>, or by the published rule an image token.
void TokenGenerator::draw(Generation& said) {
  const auto first = std::find(picture_.begin(), picture_.end(), said.ids.back());
  const int64_t rest = picture_.end() - first - 1, room = request_.max_tokens - int64_t(said.ids.size());
  said.ids.insert(said.ids.end(), first + 1, first + 1 + std::min(rest, room));
  if (room < rest) return;  // cut inside the picture: there is none
  const std::vector<int> run(first, picture_.end() - 1);
  if (first - picture_.begin() <= 1)  // all image tokens are in the run
    said.feature = session_.decode_image_tokens(run);
  else
    session_.append(run);
}

Generation TokenGenerator::generate(int64_t index, CallEnd ends) {
  Generation said;
  shown_.clear();
  bool cut = false;
  while (int64_t(said.ids.size()) < request_.max_tokens) {
    int id = next_token(said, ends);
    // A model of ours always finishes its picture: the last place where it fits is where it starts.
    if (model_.config.call_ends == CallEnd::eoi && id != picture_[0] &&
        int64_t(said.ids.size() + picture_.size()) >= request_.max_tokens) {
      id = picture_[0];
      cut = true;
    }
    said.ids.push_back(id);
    if (id == Tokenizer::eos) break;
    if (id == picture_[0] || is_image_token(model_.tokenizer, id)) {
      draw(said);
      if (said.ids.back() != picture_.back() || ends == CallEnd::eoi) break;
      id = picture_.back();  // the published program listens on until </s>
    }
    session_.append(std::span(&id, 1));
    show(index, said.ids, false);
  }
  show(index, said.ids, true);
  if (cut)
    listener_.on_warning(
        fmt::format("frame {}: its text was cut at {} tokens (--max-tokens)", index, request_.max_tokens));
  return said;
}

Generation TokenGenerator::generate_image() {
  Generation said{.ids = {picture_[0]}, .feature = {}, .first_logits = {}};
  draw(said);
  return said;
}

}  // namespace seedstory
