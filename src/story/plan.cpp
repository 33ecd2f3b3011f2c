// Runs the stages over a recording backend and adds up what they ask for.
#include "story/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "language/session.h"
#include "model/activation_bytes.h"
#include "seedstory/recording.h"
#include "story/story.h"

namespace seedstory {
namespace {

constexpr int64_t kWords = 48;  // tokens of a frame's text

double seconds_of(const std::vector<AnyOp>& ops, Rates rates) {
  double seconds = 0;
  if (rates.flops > 0)
    for (const AnyOp& op : ops) {
      const Cost cost = cost_of(op);
      seconds += std::max(cost.flops / rates.flops, cost.bytes / rates.bytes);
    }
  return seconds;
}

// The tokens that the LLM reads anew for a frame: with a window all of it, else the last frame.
int64_t tokens_read(const Engine& engine, const StoryRequest& request) {
  const int64_t frame = kWords + engine.config.input_resampler.queries + 2;
  const bool window = request.policy == Policy::window || request.policy == Policy::compat_vis;
  const int64_t most = engine.config.llm.max_positions - 2 * frame;
  return std::clamp<int64_t>(frame * (window ? request.window : 1), 1, std::max<int64_t>(most, 1));
}

// In a cache of the frame's own length, by which its attention is priced.
void tell_frame(Engine& engine, const StoryRequest& request) {
  const std::vector<int> read(size_t(tokens_read(engine, request)), Tokenizer::bos), word = {Tokenizer::bos};
  const std::vector<int>& images = engine.language.tokenizer.image_tokens();
  Session session(engine.language, int64_t(read.size() + images.size()) + kWords);
  session.append(read);
  for (int64_t i = 0; i < kWords; ++i) {
    session.pick({});
    session.append(word);
  }
  session.decode_image_tokens(images);
}

}  // namespace

int64_t Plan::bytes_at_once() const {
  return std::accumulate(stages.begin(), stages.end(), int64_t(0),
                         [](int64_t sum, const StagePlan& stage) { return sum + stage.bytes(); });
}

int64_t Plan::bytes_in_stages() const {
  return std::max({stages[0].bytes(), stages[1].bytes(), stages[2].bytes()});
}

double Plan::seconds(const StoryRequest& request) const {
  const StagePlan &see = (*this)[Stage::vision], &tell = (*this)[Stage::language], &paint = (*this)[Stage::diffusion];
  return see.seconds * (request.start ? 2 : 1) + double(request.frames) * (tell.seconds + paint.seconds);
}

Plan make_plan(const ModelDir& model, const StoryRequest& request, DType weight_type, Rates rates) {
  Plan plan;
  RecordingBackend recording;
  std::vector<std::pair<std::string, int64_t>> parts;  // of the stage that is being entered, which begins with nothing
  const auto loaded = [&](const char* part) {
    int64_t before = 0;
    for (const auto& [name, bytes] : parts) before += bytes;
    parts.emplace_back(part, recording.held_bytes() - before);
  };
  Engine engine(recording, model, {.weight_type = weight_type, .staged = true, .loaded = loaded});
  const auto stage = [&](Stage s) -> StagePlan& { return plan.stages[size_t(s)]; };
  stage(Stage::vision) = {.parts = std::exchange(parts, {}),
                          .weight_bytes = recording.held_bytes(),
                          .work_bytes = recording.peak_bytes() - recording.held_bytes(),
                          .seconds = seconds_of(recording.take_ops(), rates)};
  StoryListener listener;
  engine.enter(Stage::language);
  stage(Stage::language) = {.parts = std::exchange(parts, {}), .weight_bytes = recording.held_bytes()};
  {
    const Session session(engine.language, positions_needed(engine.config, request));
    stage(Stage::language).work_bytes = recording.held_bytes() - stage(Stage::language).weight_bytes;
  }
  recording.take_ops();
  if (rates.flops > 0) tell_frame(engine, request);
  stage(Stage::language).seconds = seconds_of(recording.take_ops(), rates);
  engine.enter(Stage::diffusion);
  stage(Stage::diffusion) = {.parts = std::exchange(parts, {}), .weight_bytes = recording.held_bytes()};
  Painter painter = make_painter(engine, request, listener);
  stage(Stage::diffusion).work_bytes = recording.held_bytes() - stage(Stage::diffusion).weight_bytes;
  recording.take_ops();
  if (rates.flops > 0) painter.paint({.index = 0, .text = "", .feature = engine.diffusion.uncond_feature});
  stage(Stage::diffusion).seconds = seconds_of(recording.take_ops(), rates);
  return plan;
}

Fit fit_into(const Plan& plan, int64_t free_bytes) {
  return plan.bytes_at_once() <= free_bytes     ? Fit::at_once
         : plan.bytes_in_stages() <= free_bytes ? Fit::in_stages
                                                : Fit::none;
}

std::string too_large(const Plan& plan, int64_t free_bytes, DType weight_type) {
  const auto largest = std::max_element(plan.stages.begin(), plan.stages.end(),
                                        [](const StagePlan& a, const StagePlan& b) { return a.bytes() < b.bytes(); });
  const Stage stage = kStages[largest - plan.stages.begin()].value;
  std::string help = "a machine with more memory, or fewer programs on this one";
  if (weight_type == DType::f32 && largest->work_bytes + largest->weight_bytes / 2 <= free_bytes)
    help = "--type bf16 halves the weights";
  else if (stage == Stage::diffusion && largest->weight_bytes < free_bytes)
    help = "a smaller --width and --height";
  return fmt::format("not enough memory: stage {} takes {:.2f} GiB, {:.2f} are free; what helps: {}",
                     name_of(kStages, stage), gib(largest->bytes()), gib(free_bytes), help);
}

Rates measure_rates(Backend& backend, DType weight_type) {
  // Seconds of one y <- x wT, the best of some.
  const auto time = [&](int64_t rows, int64_t k, int64_t n) {
    Arena arena(backend, (rows * k + rows * n) * 4 + n * k * 4 + 256);
    const Linear op{.y = arena.make(DType::f32, {rows, n}),
                    .x = arena.make(DType::f32, {rows, k}),
                    .w = arena.make(weight_type, {n, k})};
    const std::vector<char> zeros(size_t(std::max(op.w.bytes(), op.x.bytes())));
    backend.upload(op.x, zeros.data());
    backend.upload(op.w, zeros.data());
    backend.pack(op.w, WeightUse::linear);
    double best = 1e9;
    for (int i = 0; i < 5; ++i) {
      const auto start = std::chrono::steady_clock::now();
      backend.run(op);
      backend.finish();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    backend.unpack(op.w);
    return best;
  };
  constexpr int64_t kRows = 384, kSide = 1024, kWide = 4096;
  return {.flops = 2.0 * kRows * kSide * kSide / time(kRows, kSide, kSide),
          .bytes = double(kWide * kWide * size_of(weight_type)) / time(1, kWide, kWide)};
}

}  // namespace seedstory
