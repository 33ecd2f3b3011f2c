// Runs the stages over a recording backend and adds up what they ask for.
#include "story/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
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
void tell_frame(Engine& engine, const StoryRequest& request, int64_t words) {
  const std::vector<int> read(size_t(tokens_read(engine, request)), Tokenizer::bos), word = {Tokenizer::bos};
  const std::vector<int>& images = engine.language.tokenizer.image_tokens();
  Session session(engine.language, int64_t(read.size() + images.size()) + words);
  session.append(read);
  for (int64_t i = 0; i < words; ++i) {
    session.pick({});
    session.append(word);
  }
  session.decode_image_tokens(images);
}

constexpr double kLong = 2e-3;  // seconds, beside which the wait for a card is short

// y <- x wT of zeros.
class Product {
 public:
  Product(Backend& backend, NumberTypes types, int64_t rows, int64_t k, int64_t n)
      : backend_(backend), arena_(backend, bytes(backend, types, rows, k, n)) {
    const int64_t shape[] = {n, k};
    op_.y = arena_.make(types.activations, {rows, n});
    op_.x = arena_.make(types.activations, {rows, k});
    op_.w = Weight(arena_.take(weight_bytes(backend, types, k, n)), types.weights, shape, 2);
    const std::vector<char> zeros(size_t(std::max(op_.w.bytes(), op_.x.bytes())));
    for (const Tensor& t : {op_.x, op_.w.values, op_.w.scales})
      if (t) backend.upload(t, zeros.data());
    packed_ = backend.pack(op_.w, WeightUse::linear);
    op_.w.packed = packed_.get();
    backend.run(op_);
    backend.finish();
  }

  // Of one call of so many between two waits.
  double seconds(int64_t calls) {
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < calls; ++i) backend_.run(op_);
    backend_.finish();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / double(calls);
  }

  // Of some calls: one that another program interrupts is no long one.
  bool is_short() { return std::min({seconds(1), seconds(1), seconds(1)}) < kLong; }

  // The best of some batches that each take kLong.
  double best_seconds() {
    const int64_t calls = std::max<int64_t>(1, int64_t(kLong / seconds(1)));
    double best = seconds(calls);
    for (int i = 0; i < 4; ++i) best = std::min(best, seconds(calls));
    return best;
  }

 private:
  static int64_t weight_bytes(const Backend& backend, NumberTypes types, int64_t k, int64_t n) {
    const int64_t shape[] = {n, k};
    return backend.packed_bytes(Weight(nullptr, types.weights, shape, 2), WeightUse::linear);
  }
  static int64_t bytes(const Backend& backend, NumberTypes types, int64_t rows, int64_t k, int64_t n) {
    const int64_t size = size_of(types.activations);
    return aligned(rows * k * size) + aligned(rows * n * size) + aligned(weight_bytes(backend, types, k, n));
  }

  Backend& backend_;
  Arena arena_;
  Linear op_;
  std::unique_ptr<PackedWeight> packed_;
};

}  // namespace

int64_t Plan::bytes_at_once() const {
  int64_t sum = 0, scratch = 0;
  for (const StagePlan& stage : stages) {
    sum += stage.weight_bytes + stage.work_bytes;
    scratch = std::max(scratch, stage.scratch_bytes);
  }
  return sum + scratch;
}

int64_t Plan::bytes_in_stages() const {
  return std::max({stages[0].bytes(), stages[1].bytes(), stages[2].bytes()});
}

double Plan::seconds(const StoryRequest& request) const {
  const StagePlan &see = (*this)[Stage::vision], &tell = (*this)[Stage::language], &paint = (*this)[Stage::diffusion];
  return see.seconds * (request.start ? 2 : 1) + double(request.frames) * (tell.seconds + paint.seconds);
}

Plan make_plan(const ModelDir& model, const StoryRequest& request, const StageTypes& types, const Backend* machine,
               Rates rates) {
  Plan plan;
  RecordingBackend recording(machine);
  std::vector<std::pair<std::string, int64_t>> parts;  // of the stage that is being entered, which begins with nothing
  const auto loaded = [&](const char* part) {
    int64_t before = 0;
    for (const auto& [name, bytes] : parts) before += bytes;
    parts.emplace_back(part, recording.held_bytes() - before);
  };
  Engine engine(recording, model, {.types = types, .staged = true, .loaded = loaded});
  const auto stage = [&](Stage s) -> StagePlan& { return plan.stages[size_t(s)]; };
  const int64_t vit_bytes = parts.front().second;
  stage(Stage::vision) = {.parts = std::exchange(parts, {}),
                          .weight_bytes = vit_bytes,
                          .work_bytes = recording.peak_bytes() - vit_bytes,
                          .scratch_bytes = recording.take_scratch_bytes(),
                          .seconds = seconds_of(recording.take_ops(), rates)};
  StoryListener listener;
  engine.enter(Stage::language);
  stage(Stage::language) = {.parts = std::exchange(parts, {}), .weight_bytes = recording.held_bytes()};
  {
    const Session session(engine.language, positions_needed(engine.config, request));
    stage(Stage::language).work_bytes = recording.held_bytes() - stage(Stage::language).weight_bytes;
  }
  recording.take_ops();
  // Without a clock each op once will do: one word, few steps.
  const bool timed = rates.flops > 0;
  if (timed || machine) tell_frame(engine, request, timed ? kWords : 1);
  stage(Stage::language).seconds = seconds_of(recording.take_ops(), rates);
  stage(Stage::language).scratch_bytes = recording.take_scratch_bytes();
  engine.enter(Stage::diffusion);
  stage(Stage::diffusion) = {.parts = std::exchange(parts, {}), .weight_bytes = recording.held_bytes()};
  Painter painter = make_painter(engine, request, listener);
  stage(Stage::diffusion).work_bytes = recording.held_bytes() - stage(Stage::diffusion).weight_bytes;
  recording.take_ops();
  const Frame frame{.index = 0, .text = "", .feature = engine.diffusion.uncond_feature};
  if (timed) {
    painter.paint(frame);
  } else if (machine) {
    StoryRequest few = request;
    few.steps = std::min<int64_t>(few.steps, 2);
    make_painter(engine, few, listener).paint(frame);
  }
  stage(Stage::diffusion).seconds = seconds_of(recording.take_ops(), rates);
  stage(Stage::diffusion).scratch_bytes = recording.take_scratch_bytes();
  return plan;
}

Fit fit_into(const Plan& plan, int64_t free_bytes) {
  return plan.bytes_at_once() <= free_bytes     ? Fit::at_once
         : plan.bytes_in_stages() <= free_bytes ? Fit::in_stages
                                                : Fit::none;
}

namespace {

// The format with the most bits in which the stage may fit, or null. What stays f32 or f16 is not known here.
const char* smaller_format(const StagePlan& stage, int64_t free_bytes, WeightFormat format) {
  for (const WeightFormat other : {WeightFormat::bf16, WeightFormat::q8, WeightFormat::q4})
    if (const double share = bits_of(other) / bits_of(format);
        share < 1 &&
        double(stage.work_bytes + stage.scratch_bytes) + share * double(stage.weight_bytes) <= double(free_bytes))
      return name_of(other);
  return nullptr;
}

}  // namespace

std::string too_large(const Plan& plan, int64_t free_bytes, WeightFormat weight_format) {
  const auto largest = std::max_element(plan.stages.begin(), plan.stages.end(),
                                        [](const StagePlan& a, const StagePlan& b) { return a.bytes() < b.bytes(); });
  const Stage stage = kStages[largest - plan.stages.begin()].value;
  std::string help = "a machine with more memory, or fewer programs on this one";
  if (const char* smaller = smaller_format(*largest, free_bytes, weight_format))
    help = fmt::format("--type {}", smaller);
  else if (stage == Stage::diffusion && largest->weight_bytes < free_bytes)
    help = "a smaller --width and --height";
  return fmt::format("not enough memory: stage {} takes {:.2f} GiB, {:.2f} are free; what helps: {}",
                     name_of(kStages, stage), gib(largest->bytes()), gib(free_bytes), help);
}

Rates measure_rates(Backend& backend, NumberTypes types) {
  // A cube as large as takes some time, and a row by a weight that is larger than caches are.
  constexpr int64_t kLeast = 64, kMostSide = 8192, kWide = 4096, kMostRows = 1 << 15;
  int64_t side = kLeast, n = kLeast;
  while (side < kMostSide && Product(backend, types, side, side, side).is_short()) side *= 2;
  while (n < kMostRows && Product(backend, types, 1, kWide, n).is_short()) n *= 2;
  return {
      .flops = 2.0 * double(side * side * side) / Product(backend, types, side, side, side).best_seconds(),
      .bytes = double(n * kWide) * bits_of(types.weights) / 8 / Product(backend, types, 1, kWide, n).best_seconds()};
}

}  // namespace seedstory
