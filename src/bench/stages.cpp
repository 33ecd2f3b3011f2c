// The pieces of a story, one after another.
#include "bench/stages.h"

#include <fmt/format.h>

#include <algorithm>

#include "load/default_request.h"

namespace seedstory {
namespace {

// More than the tokens that are taken at a depth, warm ones and watched ones.
constexpr int64_t kRoom = 16;

// The second step of two, and what comes behind the last: the first step shares its time with the adapter. Of one
// frame.
class PaintWatch : public StoryListener {
 public:
  PaintWatch(StageObserver& watch, int64_t frame) : watch_(watch), frame_(frame) {}
  void on_step(int64_t frame, int64_t step, int64_t) override {
    if (frame == frame_) step == 1 ? watch_.begin() : watch_.end("UNet step");
  }
  void on_decode(int64_t frame) override {
    if (frame == frame_) watch_.begin();
  }

 private:
  StageObserver& watch_;
  int64_t frame_;
};

}  // namespace

Stages::Stages(Engine& engine, std::function<bool(const std::string&)> wanted, int64_t warm)
    : engine_(engine), wanted_(std::move(wanted)), warm_(warm), request_(default_request(engine.config)) {
  const Tokenizer& tokens = engine.language.tokenizer;
  // Half of the positions are left for the frame itself in models that have few.
  const int64_t context = std::min(kContext, engine.config.llm.max_positions / 2);
  for (int64_t i = 0; i < context; ++i) context_.push_back(int(3 + i % (tokens.begin_image() - 3)));
  picture_.push_back(tokens.begin_image());
  picture_.insert(picture_.end(), tokens.image_tokens().begin(), tokens.image_tokens().end());
}

// A frame's tokens: what is before it, its text, its picture.
int64_t Stages::positions() const {
  return int64_t(context_.size() + picture_.size()) + kWords;
}

void Stages::run(StageObserver& watch) {
  encode_picture(watch);
  language(watch);
  for (const int64_t depth : depths()) tokens(watch, depth);
  paint(watch);
  whole_frame(watch);
}

void Stages::encode_picture(StageObserver& watch) {
  if (!wanted_("ViT encode")) return;
  const int64_t size = engine_.config.vit.image_size;
  const std::vector<float> grey(size * size * 3, 0.1f);
  for (int64_t i = 0; i < warm_; ++i) engine_.encode_image(grey);
  watch.begin();
  engine_.encode_image(grey);
  watch.end("ViT encode");
}

void Stages::language(StageObserver& watch) {
  if (!wanted_("LLM prefill") && !wanted_("LLM picture")) return;
  Session session(engine_.language, positions());
  StageObserver nobody;
  for (int64_t i = 0; i <= warm_; ++i) {
    StageObserver& observer = i == warm_ ? watch : nobody;
    session.clear();
    observer.begin();
    session.append(context_);
    observer.end("LLM prefill");

    observer.begin();
    session.embed_image(session.decode_image_tokens(picture_));
    observer.end("LLM picture");
  }
}

// Of the cache before a token: a frame's, four times as many, and as many as the model has positions.
std::vector<int64_t> Stages::depths() const {
  const int64_t deepest = engine_.config.llm.max_positions - kRoom;
  std::vector<int64_t> depths;
  for (const int64_t depth : {int64_t(context_.size()), 4 * kContext})
    if (depth < deepest) depths.push_back(depth);
  if (deepest > 0) depths.push_back(deepest);
  return depths;
}

// As a story's: each is what was picked behind the one before it.
void Stages::tokens(StageObserver& watch, int64_t depth) {
  const std::string stage = fmt::format("LLM token at {}", depth);
  if (!wanted_(stage)) return;
  std::unique_ptr<Session>& session = deep_[depth];
  if (!session) {
    session = std::make_unique<Session>(engine_.language, depth + kRoom);
    for (int64_t at = 0; at < depth; at += int64_t(context_.size()))
      session->append(std::span(context_).first(size_t(std::min(int64_t(context_.size()), depth - at))));
  }
  session->truncate(depth);
  StageObserver nobody;
  int word = context_[0];
  for (int64_t i = -warm_ - 1; i < kTokens; ++i) {
    StageObserver& observer = i < 0 ? nobody : watch;
    observer.begin();
    session->append({&word, 1});
    word = session->pick({});
    observer.end(stage);
  }
}

void Stages::paint(StageObserver& watch) {
  if (!wanted_("UNet step") && !wanted_("VAE decode")) return;
  StoryRequest two_steps = request_;
  two_steps.steps = 2;
  PaintWatch listener(watch, warm_);
  Painter painter = make_painter(engine_, two_steps, listener);
  for (int64_t i = 0; i <= warm_; ++i)
    painter.paint({.index = i, .text = {}, .feature = engine_.diffusion.uncond_feature});
  watch.end("VAE decode");
}

void Stages::whole_frame(StageObserver& watch) {
  if (!wanted_(kWholeFrame)) return;
  StoryListener nobody;
  Session session(engine_.language, positions());
  Painter painter = make_painter(engine_, request_, nobody);
  for (int64_t frame = 0; frame <= warm_; ++frame) {
    session.clear();
    if (frame == warm_) watch.begin();
    session.append(context_);
    for (int64_t i = 0; i < kWords; ++i) {
      session.pick({});
      session.append({&context_[i % context_.size()], 1});
    }
    std::vector<float> feature = session.decode_image_tokens(picture_);
    session.embed_image(feature);
    painter.paint({.index = frame, .text = {}, .feature = std::move(feature)});
  }
  watch.end(kWholeFrame);
}

}  // namespace seedstory
