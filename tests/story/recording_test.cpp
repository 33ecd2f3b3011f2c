// The recording backend: the ops of a run, its memory, and how its weights are used.
#include "seedstory/recording.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <sstream>

#include "bench/replay.h"
#include "catch.h"
#include "language/session.h"
#include "load/default_request.h"
#include "load/published.h"
#include "recorded_frame.h"
#include "story_result.h"

using namespace seedstory;

namespace {

std::vector<std::string> names(const std::vector<AnyOp>& ops) {
  std::vector<std::string> all;
  for (const AnyOp& op : ops) all.emplace_back(std::visit([](const auto& o) { return o.name; }, op));
  return all;
}

// Name, shapes and addresses: what a backend that repeats a recorded list depends on.
std::vector<std::string> with_addresses(const std::vector<AnyOp>& ops) {
  std::vector<std::string> all;
  for (const AnyOp& op : ops)
    std::visit(
        [&](const auto& o) {
          std::ostringstream text;
          text << o.name;
          o.each([&](const char* field, const Tensor& t, Access) {
            text << " " << field << " " << t.str() << " at " << t.data;
          });
          all.push_back(text.str());
        },
        op);
  return all;
}

}  // namespace

TEST_CASE("a session over the recording backend leaves its ops in order", "[recording]") {
  TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  RecordingBackend recording;
  Engine engine(recording, model);
  Session session(engine.language);
  recording.take_ops();

  const std::vector<int> ids = {5, 6, 7};
  session.append(ids);
  const std::vector<AnyOp> ops = recording.take_ops();
  std::vector<std::string> expected = {"Embed"};
  for (int64_t layer = 0; layer < engine.config.llm.layers; ++layer)
    for (const char* name : {"AddRmsNorm", "Linear", "CacheAttention", "Linear", "AddRmsNorm", "GatedLinear", "Linear"})
      expected.emplace_back(name);
  expected.emplace_back("AddRmsNorm");
  CHECK(names(ops) == expected);
  CHECK(recording.take_ops().empty());

  const auto& qkv = std::get<Linear>(ops[2]);
  CHECK(qkv.x.str() == "f32(3, 128)");
  CHECK(qkv.w.str() == "f32(384, 128)");
  CHECK(cost_of(ops[2]).flops == 2.0 * 3 * 128 * 384);
  CHECK(qkv.w.packed);
  CHECK(qkv.w.rows(128, 256).packed == qkv.w.packed);
  CHECK(qkv.w.rows(128, 256).first_row == 128);
}

// One token of the published LLM: its ops, and what passes between host and backend.
TEST_CASE("a greedy token asks the same ops at the same addresses, and 4 bytes come down", "[recording]") {
  RecordingBackend recording;
  Engine engine(recording, published_sizes(), {.types = WeightFormat::bf16});
  Session session(engine.language, 1200);
  session.append(std::vector<int>(300, 5));
  int id = session.pick({});
  std::vector<std::string> first;
  for (int token = 1; token <= 40; ++token) {
    INFO("token " << token);
    recording.take_ops();
    recording.take_traffic();
    session.append({&id, 1});
    id = session.pick({});
    const std::vector<std::string> ops = with_addresses(recording.take_ops());
    if (first.empty()) first = ops;
    CHECK(ops == first);
    const RecordingBackend::Traffic traffic = recording.take_traffic();
    CHECK(traffic.uploads == 0);
    CHECK(traffic.downloads == 1);
    CHECK(traffic.downloaded_bytes == 4);
    CHECK(traffic.launches == 2);  // logits, choice; the rest repeats
  }
  // Norm, qkv, attention, o; norm, up and gate, down. Embed; norm, logits, choice.
  CHECK(int64_t(first.size()) == engine.config.llm.layers * 7 + 4);
  CHECK(first.size() == 228);

  INFO("sampling wants the logits, and says which token it took");
  id = 7;
  recording.take_traffic();
  session.append({&id, 1});
  session.logits();
  const RecordingBackend::Traffic traffic = recording.take_traffic();
  CHECK(traffic.uploads == 1);
  CHECK(traffic.uploaded_bytes == 4);
  CHECK(traffic.downloaded_bytes == 4 * engine.config.llm.vocab);
}

TEST_CASE("a picture's rows are one upload, and so is what keep() changes", "[recording]") {
  TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  RecordingBackend recording;
  Engine engine(recording, model);
  Session session(engine.language);
  const Tokenizer& t = engine.language.tokenizer;
  std::vector<int> ids = {1, 5};
  for (int picture = 0; picture < 2; ++picture) {
    ids.insert(ids.end(), t.image_tokens().begin(), t.image_tokens().end());
    ids.push_back(6);
  }
  // Two that touch are two pictures.
  ids.insert(ids.end(), t.image_tokens().begin(), t.image_tokens().end());
  ids.insert(ids.end(), t.image_tokens().begin(), t.image_tokens().end());
  const auto a_picture = int64_t(t.image_tokens().size());
  const std::vector<float> rows(size_t(a_picture * engine.config.llm.hidden));
  const std::vector<const std::vector<float>*> pictures(4, &rows);
  recording.take_traffic();
  session.append(ids, pictures);
  RecordingBackend::Traffic traffic = recording.take_traffic();
  CHECK(traffic.uploads == 2 + 4);  // ids and length; pictures
  CHECK(traffic.uploaded_bytes == 4 * (int64_t(ids.size()) + 1 + 4 * a_picture * engine.config.llm.hidden));

  std::vector<int64_t> stay = session.kept();
  stay.erase(stay.begin() + 5);
  session.keep(stay);
  traffic = recording.take_traffic();
  CHECK(traffic.uploads == 1);
  CHECK(traffic.uploaded_bytes == 4 * (int64_t(ids.size()) - 5));
  session.truncate(3);
  CHECK(recording.take_traffic().uploads == 0);
}

TEST_CASE("a painter over the recording backend paints, and gives its memory back", "[recording]") {
  TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  RecordingBackend recording;
  {
    Engine engine(recording, model);
    const int64_t weights = recording.held_bytes();
    CHECK(weights > 0);
    {
      StoryListener listener;
      Painter painter = make_painter(engine, default_request(engine.config), listener);
      CHECK(recording.held_bytes() > weights);
      recording.take_ops();
      recording.take_traffic();
      const VitConfig& vit = engine.config.vit;
      const Image image = painter.paint({.feature = std::vector<float>(vit.queries * vit.output_dim)});
      CHECK(image.width == engine.config.defaults.width);
      const auto traffic = recording.take_traffic();
      CHECK(traffic.uploads == 3);    // the feature, the noise, the first step's number
      CHECK(traffic.downloads == 2);  // the pixels, and whether all are finite
      const auto said = names(recording.take_ops());
      CHECK(std::count(said.begin(), said.end(), "SchedulerStep") == engine.config.defaults.steps);
    }
    CHECK(recording.held_bytes() == weights);
    CHECK(recording.peak_bytes() > weights);
  }
  CHECK(recording.held_bytes() == 0);
}

namespace {

// What of an op a recorded launch holds: its name, its options, and where its tensors lie.
std::vector<std::string> launches(const std::vector<AnyOp>& ops) {
  std::vector<std::string> all;
  for (const AnyOp& any : ops) {
    std::string text = describe(any);
    const auto add = [&](const char* field, const Tensor& t, Access) {
      text += fmt::format(" {}@{}{}", field, t.data, t.str());
      for (int axis = 0; axis < t.rank; ++axis) text += fmt::format(":{}", t.stride[axis]);
    };
    std::visit([&](const auto& op) { op.each(add); }, any);
    all.push_back(text);
  }
  return all;
}

// The ops of each step, and what is no part of a record: uploads, downloads, ops on their own.
struct StepListener : StoryListener {
  explicit StepListener(RecordingBackend& recording) : recording(recording) {}
  void on_step(int64_t, int64_t, int64_t) override {
    steps.push_back(launches(recording.take_ops()));
    const auto traffic = recording.take_traffic();
    outside.push_back(traffic.uploads + traffic.downloads + traffic.launches);
  }
  RecordingBackend& recording;
  std::vector<std::vector<std::string>> steps;
  std::vector<int64_t> outside;
};

}  // namespace

TEST_CASE("each step of the denoiser asks the same ops at the same addresses and nothing of the host", "[recording]") {
  TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  for (const double cfg : {7.5, 1.0})
    for (const SamplingMethod method : {SamplingMethod::euler, SamplingMethod::dpmpp_2m}) {
      INFO("cfg " << cfg << ", method " << int(method));
      RecordingBackend recording;
      Engine engine(recording, model);
      StepListener listener(recording);
      StoryRequest request = default_request(engine.config);
      request.steps = 4, request.cfg = cfg, request.sampling_method = method;
      Painter painter = make_painter(engine, request, listener);
      const Frame frame = {.text = {},
                           .feature = std::vector<float>(engine.config.vit.queries * engine.config.vit.output_dim)};
      painter.paint(frame);
      painter.paint(frame);
      REQUIRE(listener.steps.size() == 8);
      // The first one of a frame shares its ops with the conditioning before it.
      for (size_t step : {2u, 3u, 5u, 6u, 7u}) {
        CHECK(listener.steps[step] == listener.steps[1]);
        CHECK(listener.outside[step] == 0);
      }
      const std::vector<std::string>& ops = listener.steps[1];
      const auto count = [&](const std::string& name) {
        return std::count_if(ops.begin(), ops.end(), [&](const std::string& op) { return op.starts_with(name + " "); });
      };
      CHECK(count("ScaleInput") == 1);
      CHECK(count("SchedulerStep") == 1);
      CHECK(count("Embed") == 1);     // the step's row of the time embeddings
      CHECK(count("Sinusoid") == 0);  // which are made before
      CHECK(listener.steps[0].end()[-1] == ops.end()[-1]);
      CHECK_THAT(ops.end()[-1], Catch::Contains(cfg == 1 ? "m(1, 4, 4, 4)" : "m(2, 4, 4, 4)"));
      CHECK((ops.end()[-1].find(" history(") != std::string::npos) == (method == SamplingMethod::dpmpp_2m));
    }
}

// A launch costs a GPU some microseconds, and a wait more.
TEST_CASE("a step of the published UNet is 892 ops at most, copies nothing and waits for nothing", "[recording]") {
  RecordingBackend recording;
  Engine engine(recording, published_sizes(), {.types = WeightFormat::bf16});
  StepListener listener(recording);
  StoryRequest request = default_request(engine.config);
  request.steps = 3;
  CHECK(request.width == 1024);
  Painter painter = make_painter(engine, request, listener);
  painter.paint({.feature = std::vector<float>(engine.config.vit.queries * engine.config.vit.output_dim)});
  REQUIRE(listener.steps.size() == 3);
  const std::vector<std::string>& step = listener.steps[1];
  CHECK(step.size() <= 892);
  CHECK(std::count_if(step.begin(), step.end(), [](const std::string& op) { return op.starts_with("Convert "); }) == 0);
  CHECK(listener.outside[1] == 0);
  CHECK(listener.steps[2] == step);
  CHECK(recording.take_traffic().launches == 0);  // since then: the decoder
}

TEST_CASE("what repeats may not depend on the host", "[recording]") {
  RecordingBackend recording;
  Repeat made;
  float host = 0;
  const Tensor t(recording.allocate(4), DType::f32, {1});
  CHECK_THROWS_WITH(recording.repeat(made, [&] { recording.upload(t, &host); }),
                    "RecordingBackend: upload inside of repeat()");
  CHECK_THROWS_WITH(recording.repeat(made, [&] { recording.download(&host, t); }),
                    "RecordingBackend: download inside of repeat()");
  CHECK_THROWS_WITH(recording.repeat(made, [&] { recording.allocate(4); }),
                    "RecordingBackend: allocate inside of repeat()");
  recording.repeat(made, [&] { recording.run(Activate{.y = t, .x = t}); });
  CHECK(names(recording.take_ops()) == std::vector<std::string>{"Activate"});
  recording.upload(t, &host);
}

// Each picture's ViT is one launch of a record, between the picture's way in and the feature's way out.
TEST_CASE("a picture seen asks the same ops at the same addresses, all of them in what repeats", "[recording]") {
  RecordingBackend recording;
  Engine engine(recording, published_sizes(), {.types = WeightFormat::bf16});
  const int64_t size = engine.config.vit.image_size;
  const std::vector<float> pixels(size_t(size * size * 3));
  std::vector<std::string> first;
  for (int picture = 0; picture < 3; ++picture) {
    INFO("picture " << picture);
    recording.take_ops();
    recording.take_traffic();
    engine.encode_image(pixels);
    const std::vector<std::string> ops = launches(recording.take_ops());
    if (first.empty()) first = ops;
    CHECK(ops == first);
    const RecordingBackend::Traffic traffic = recording.take_traffic();
    CHECK(traffic.launches == 0);
    CHECK(traffic.uploads == 1);
    CHECK(traffic.downloads == 1);
  }
  // Patches, positions, norm; a layer: norm, qkv, attention, o; norm, up, down. The pool's 6; norm, product.
  CHECK(int64_t(first.size()) == 3 + engine.config.vit.layers * 7 + 6 + 2);
}

TEST_CASE("blocks of the recording backend do not overlap, not even empty ones", "[recording]") {
  RecordingBackend recording;
  const auto at = [&](int64_t bytes) { return reinterpret_cast<intptr_t>(recording.allocate(bytes)); };
  const intptr_t a = at(0), b = at(100), c = at(64), d = at(1);
  CHECK(a < b);
  CHECK(b + 100 <= c);
  CHECK(c + 64 <= d);
  CHECK(d % kAlign == 0);
  CHECK(recording.held_bytes() == 165);
}

// Every matrix product and every attention reads 16 bits; what stays f32 is named here.
TEST_CASE("at the published size activations have their stage's type from end to end", "[recording]") {
  StageTypes types(NumberTypes{.weights = WeightFormat::f16, .activations = DType::f16});
  types.vae = {.weights = WeightFormat::bf16, .activations = DType::bf16};
  std::set<std::string> f32_outputs;
  std::map<std::string, int64_t> by_type;
  for (const AnyOp& any : ops_of_a_frame(types))
    std::visit(
        [&]<class Op>(const Op& op) {
          if constexpr (HasWeight<Op>) {
            CHECK(size_of(op.x.dtype) == 2);
            CHECK(op.w.values.dtype == op.x.dtype);
            ++by_type[name_of(op.x.dtype)];
            if (op.y.dtype == DType::f32) f32_outputs.insert(op.y.str());
          }
          if constexpr (std::is_same_v<Op, Attention> || std::is_same_v<Op, CacheAttention>)
            CHECK(size_of(op.q.dtype) == 2);
          if constexpr (std::is_same_v<Op, Embed>)
            if (op.table.dim[0] > 1000) CHECK(op.table.dtype == DType::f16);
        },
        any);
  // Logits; what the ResNets add of two steps' times; the positions' share of the keys in the three resamplers.
  CHECK(f32_outputs ==
        std::set<std::string>{"f32(1, 32066)", "f32(2, 13760)", "f32(1024, 4096)", "f32(256, 4096)", "f32(64, 4096)"});
  CHECK(by_type["bf16"] > 30);  // the VAE's
  CHECK(by_type["f16"] > 1500);
}
