// The same story however the model's parts come into memory; and what a plan says of it beforehand.
#include "story/engine.h"

#include <cmath>
#include <optional>

#include "catch.h"
#include "cpu/runtime/memory.h"
#include "load/default_request.h"
#include "oracle/backend.h"
#include "seedstory/recording.h"
#include "story/plan.h"
#include "story_result.h"

using namespace seedstory;

namespace {

StoryRequest short_story(const ModelDir& model) {
  StoryRequest request = default_request(model.config);
  request.prompt = "A little fox";
  request.frames = 2;
  request.start = std::make_shared<Image>(Image{.width = 40, .height = 30, .rgb = std::vector<uint8_t>(3600, 90)});
  return request;
}

// What the oracle can paint in a moment.
StoryRequest shortest_story(const ModelDir& model) {
  StoryRequest request = short_story(model);
  request.frames = 1, request.steps = 2, request.width = request.height = 32;
  return request;
}

struct Made {
  std::vector<Frame> frames;
  std::vector<Image> images;
};

// As the program does it in stages: everything told before anything is painted.
Made make(Engine& engine, const StoryRequest& request) {
  Made made;
  StoryListener listener;
  {
    Storyteller teller = make_storyteller(engine, request, listener);
    while (auto frame = teller.next()) made.frames.push_back(std::move(*frame));
  }
  Painter painter = make_painter(engine, request, listener);
  for (const Frame& frame : made.frames) made.images.push_back(painter.paint(frame));
  return made;
}

// Every token but a picture's last leads to a picture.
ModelDir tiny(const TempDir& dir, int64_t scale = 1) {
  write_tiny_model(dir.path());  // for its tokeniser
  const Tokenizer tokenizer(dir / "tokenizer.model", dir / "added_tokens.json", false);
  TinyModel model{.script = {}, .scale = scale};
  for (int id = 0; id < tokenizer.vocab_size(); ++id) model.script[id] = tokenizer.begin_image();
  write_tiny_model(dir.path(), model);
  return open_model({.dir = dir.path()});
}

}  // namespace

TEST_CASE("In stages the story is the same and only one stage is in memory", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = short_story(model);
  const auto backend = make_cpu_backend(1);
  Engine whole(*backend, model), staged(*backend, model, {.types = WeightFormat::f32, .staged = true});
  CHECK(staged.vit);
  CHECK_FALSE(staged.language.llm);
  const Made expected = make(whole, request), got = make(staged, request);
  CHECK_FALSE(staged.vit);
  CHECK_FALSE(staged.language.llm);
  CHECK(staged.diffusion.unet);
  REQUIRE(expected.frames.size() == 2);
  REQUIRE(got.frames.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(got.frames[i].text == expected.frames[i].text);
    CHECK(got.frames[i].feature == expected.frames[i].feature);
    CHECK(got.images[i].rgb == expected.images[i].rgb);
  }
}

TEST_CASE("Weights in bf16 stay near those in f32", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = short_story(model);
  const auto backend = make_cpu_backend(1);
  Engine f32(*backend, model), bf16(*backend, model, {.types = WeightFormat::bf16});
  const Made expected = make(f32, request), got = make(bf16, request), again = make(bf16, request);
  REQUIRE(got.frames.size() == expected.frames.size());
  double dot = 0, a2 = 0, b2 = 0;
  for (size_t i = 0; i < got.frames[0].feature.size(); ++i) {
    const double a = expected.frames[0].feature[i], b = got.frames[0].feature[i];
    dot += a * b, a2 += a * a, b2 += b * b;
  }
  CHECK(dot / std::sqrt(a2 * b2) > 0.999);  // a bf16 number is off by at most 2^-8 of itself
  CHECK(got.frames[0].feature != expected.frames[0].feature);
  CHECK(got.images[0].rgb == again.images[0].rgb);
}

// The part of `values` that is not along `expected`, over its length.
double relative_error(const std::vector<float>& values, const std::vector<float>& expected) {
  double off = 0, all = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double e = expected[i], d = double(values[i]) - e;
    off += d * d, all += e * e;
  }
  return std::sqrt(off / all);
}

// As a GPU will run it. The oracle rounds every op's result to its type, so this is how far 16 bits lead by themselves.
TEST_CASE("A story of 16-bit activations is near that of f32, with the same words", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = shortest_story(model);
  oracle::OracleBackend backend;
  const NumberTypes f16{.weights = WeightFormat::f16, .activations = DType::f16};
  StageTypes mixed(f16);
  mixed.vae = {.weights = WeightFormat::bf16, .activations = DType::bf16};
  Engine exact(backend, model), half(backend, model, {.types = mixed});
  const Made expected = make(exact, request), got = make(half, request);
  REQUIRE(got.frames.size() == 1);
  CHECK(got.frames[0].text == expected.frames[0].text);
  const double error = relative_error(got.frames[0].feature, expected.frames[0].feature);
  CHECK(error < 0.01);  // some ten roundings of 2^-11 in a row
  CHECK(error > 1e-5);  // they were made
  REQUIRE(got.images[0].rgb.size() == expected.images[0].rgb.size());
  int64_t most = 0, differing = 0;
  for (size_t i = 0; i < got.images[0].rgb.size(); ++i) {
    const int64_t off = std::abs(int(got.images[0].rgb[i]) - int(expected.images[0].rgb[i]));
    most = std::max(most, off), differing += off > 0;
  }
  CHECK(most <= 16);  // bf16 keeps 8 bits, as a pixel does
  CHECK(differing > 0);
}

TEST_CASE("The oracle and the CPU tell and paint the same in f32", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = shortest_story(model);
  oracle::OracleBackend oracle;
  const auto cpu = make_cpu_backend(1);
  Engine exact(oracle, model), fast(*cpu, model);
  const Made expected = make(exact, request), got = make(fast, request);
  CHECK(got.frames[0].text == expected.frames[0].text);
  CHECK(relative_error(got.frames[0].feature, expected.frames[0].feature) < 1e-4);
}

TEST_CASE("The CPU refuses 16-bit activations by name", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const auto backend = make_cpu_backend(1);
  const NumberTypes f16{.weights = WeightFormat::f16, .activations = DType::f16};
  CHECK_THROWS_WITH(Engine(*backend, model, {.types = f16}), Catch::Contains("the CPU computes in f32"));
}

TEST_CASE("Without guidance the UNet sees one half, and the picture is the same", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const auto backend = make_cpu_backend(1);
  Engine engine(*backend, model);
  StoryRequest request = short_story(model);
  request.cfg = 1 + 1e-12;  // 1 in f32: both halves, and the formula
  const Made guided = make(engine, request);
  request.cfg = 1;
  const Made alone = make(engine, request);
  REQUIRE(alone.images.size() == 2);
  for (size_t i = 0; i < alone.images.size(); ++i) {
    REQUIRE(alone.images[i].rgb.size() == guided.images[i].rgb.size());
    for (size_t p = 0; p < alone.images[i].rgb.size(); ++p)
      REQUIRE(std::abs(alone.images[i].rgb[p] - guided.images[i].rgb[p]) <= 1);
  }
  // And a plan counts what is run.
  const auto seconds = [&](double cfg, int64_t steps) {
    request.cfg = cfg;
    request.steps = steps;
    return make_plan(model, request, WeightFormat::f32, nullptr, {.flops = 1e9, .bytes = 1e9})[Stage::diffusion]
        .seconds;
  };
  CHECK(seconds(1, 9) - seconds(1, 1) < 0.75 * (seconds(2, 9) - seconds(2, 1)));
}

TEST_CASE("A plan says what the stages take before anything is read", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = short_story(model);
  const Plan f32 = make_plan(model, request, WeightFormat::f32), bf16 = make_plan(model, request, WeightFormat::bf16);
  int64_t sum = 0, largest = 0;
  for (const auto& [stage, name, about] : kStages) {
    CHECK(f32[stage].weight_bytes > 0);
    CHECK(f32[stage].work_bytes > 0);
    CHECK(f32[stage].work_bytes == bf16[stage].work_bytes);
    CHECK(bf16[stage].weight_bytes < f32[stage].weight_bytes);
    CHECK(2 * bf16[stage].weight_bytes > f32[stage].weight_bytes);  // norms and tables stay f32
    CHECK(f32[stage].seconds == 0);
    sum += f32[stage].bytes(), largest = std::max(largest, f32[stage].bytes());
  }
  CHECK(f32.bytes_at_once() == sum);
  CHECK(f32.bytes_in_stages() == largest);

  INFO("and how long they take, in proportion to what they do");
  // From four steps on: the time embeddings of all steps are one product, whose weights are read once.
  StoryRequest longer = request, longest = request, base = request;
  base.steps = 4, longer.steps = 8, longest.steps = 12;
  const Rates rates{.flops = 1e9, .bytes = 1e9}, faster{.flops = 2e9, .bytes = 2e9};
  const Plan timed = make_plan(model, request, WeightFormat::f32, nullptr, rates),
             twice = make_plan(model, longer, WeightFormat::f32, nullptr, rates),
             thrice = make_plan(model, longest, WeightFormat::f32, nullptr, rates),
             once = make_plan(model, base, WeightFormat::f32, nullptr, rates);
  for (const auto& [stage, name, about] : kStages) {
    CHECK(timed[stage].seconds > 0);
    CHECK(timed[stage].seconds ==
          Approx(2 * make_plan(model, request, WeightFormat::f32, nullptr, faster)[stage].seconds));
  }
  const double steps = twice[Stage::diffusion].seconds - once[Stage::diffusion].seconds;
  CHECK(steps > 0);
  CHECK(thrice[Stage::diffusion].seconds == Approx(once[Stage::diffusion].seconds + 2 * steps));
  CHECK(twice[Stage::language].seconds == timed[Stage::language].seconds);
  CHECK(timed.seconds(request) == Approx(2 * timed[Stage::vision].seconds + 2 * timed[Stage::language].seconds +
                                         2 * timed[Stage::diffusion].seconds));
}

// The plan's memory is what the real run takes.
TEST_CASE("A plan's bytes are those that a backend hands out", "[engine]") {
  TempDir dir;
  const ModelDir model = tiny(dir);
  const StoryRequest request = short_story(model);
  const Plan plan = make_plan(model, request, WeightFormat::bf16);
  RecordingBackend counting;
  Engine engine(counting, model, {.types = WeightFormat::bf16});
  StoryListener listener;
  const Storyteller teller = make_storyteller(engine, request, listener);
  const Painter painter = make_painter(engine, request, listener);
  CHECK(counting.held_bytes() == plan.bytes_at_once());
}

// With everything that the CPU backend takes for itself: packed weights, folded kernels, scratch.
TEST_CASE("A plan's bytes are the CPU's at its peak", "[engine]") {
  TempDir small_dir, large_dir;
  const ModelDir small = tiny(small_dir), large = tiny(large_dir, SEEDSTORY_LARGE_SCALE);
  const ModelDir nano = open_model({.dir = SEEDSTORY_SOURCE_DIR "/weights/nano"});
  struct {
    const ModelDir* model;
    WeightFormat format;
    bool staged;
    int64_t size;
  } cases[] = {{&small, WeightFormat::f32, false, 64}, {&nano, WeightFormat::f32, false, 128},
               {&nano, WeightFormat::bf16, false, 64}, {&nano, WeightFormat::q8, true, 64},
               {&nano, WeightFormat::q4, false, 256},  {&nano, WeightFormat::f16, true, 192},
               {&large, WeightFormat::f32, true, 64},  {&large, WeightFormat::bf16, false, 192}};
  for (const auto& [model, format, staged, size] : cases) {
    INFO(model->config.name << " in " << name_of(format) << (staged ? ", in stages, " : ", ") << size << " pixels");
    StoryRequest request = short_story(*model);
    request.frames = 1, request.steps = 2, request.width = request.height = size;
    const auto backend = make_cpu_backend(2);
    const Plan plan = make_plan(*model, request, format, backend.get());
    cpu::take_peak_bytes();
    {
      Engine engine(*backend, *model, {.types = format, .staged = staged});
      StoryListener listener;
      std::optional<Storyteller> teller(make_storyteller(engine, request, listener));
      const std::optional<Frame> frame = teller->next();
      REQUIRE(frame);
      if (staged) teller.reset();  // told before anything is painted
      make_painter(engine, request, listener).paint(*frame);
    }
    const double measured = double(cpu::take_peak_bytes());
    const int64_t planned = staged ? plan.bytes_in_stages() : plan.bytes_at_once();
    CHECK(measured <= 1.05 * double(planned));
    CHECK(measured >= 0.95 * double(planned));
  }
}
