// The recording backend: the ops of a run, its memory, and how its weights are used.
#include "seedstory/recording.h"

#include "catch.h"
#include "story/session.h"
#include "told.h"

using namespace seedstory;

namespace {

std::vector<std::string> names(const std::vector<AnyOp>& ops) {
  std::vector<std::string> all;
  for (const AnyOp& op : ops) all.emplace_back(std::visit([](const auto& o) { return o.name; }, op));
  return all;
}

}  // namespace

TEST_CASE("a session over the recording backend leaves its ops in order", "[recording]") {
  TempDir dir;
  write_tiny_model(dir.path());
  const ModelDir model = open_model({.dir = dir.path()});
  RecordingBackend recording;
  Engine engine(recording, model);
  Session session(engine);
  recording.take_ops();

  const std::vector<int> ids = {5, 6, 7};
  session.append(ids);
  const std::vector<AnyOp> ops = recording.take_ops();
  std::vector<std::string> expected = {"Embed", "Convert"};  // into the residual stream
  for (int64_t layer = 0; layer < engine.config.llm.layers; ++layer)
    for (const char* name : {"AddRmsNorm", "Linear", "ScatterRows", "ScatterRows", "CacheAttention", "Linear",
                             "AddRmsNorm", "GatedLinear", "Linear"})
      expected.emplace_back(name);
  for (const char* name : {"AddRmsNorm", "Convert"}) expected.emplace_back(name);
  CHECK(names(ops) == expected);
  CHECK(recording.take_ops().empty());

  const auto& qkv = std::get<Linear>(ops[3]);
  CHECK(qkv.x.str() == "f32(3, 128)");
  CHECK(qkv.w.str() == "f32(384, 128)");
  CHECK(cost_of(ops[3]).flops == 2.0 * 3 * 128 * 384);
  CHECK(recording.use_of(qkv.w) == WeightUse::linear);
  CHECK(recording.use_of(qkv.w.slice(0, 128, 256)) == WeightUse::linear);
  CHECK(recording.use_of(qkv.x) == WeightUse::plain);
  CHECK(recording.use_of(std::get<AddRmsNorm>(ops[2]).w) == WeightUse::plain);
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
      Painter painter(engine, default_request(engine.config), listener);
      CHECK(recording.held_bytes() > weights);
      recording.take_ops();
      const VitConfig& vit = engine.config.vit;
      const Image image = painter.paint({.feature = std::vector<float>(vit.queries * vit.output_dim)});
      CHECK(image.width == engine.config.defaults.width);
      const auto said = names(recording.take_ops());
      CHECK(std::count(said.begin(), said.end(), "EulerStep") == engine.config.defaults.steps);
    }
    CHECK(recording.held_bytes() == weights);
    CHECK(recording.peak_bytes() > weights);
  }
  CHECK(recording.held_bytes() == 0);
}

TEST_CASE("blocks of the recording backend do not overlap, not even empty ones", "[recording]") {
  RecordingBackend recording;
  const auto at = [&](int64_t bytes) { return reinterpret_cast<intptr_t>(recording.allocate(bytes)); };
  const intptr_t a = at(0), b = at(100), c = at(64), d = at(1);
  CHECK(a < b);
  CHECK(b + 100 <= c);
  CHECK(c + 64 <= d);
  CHECK(d % 64 == 0);
  CHECK(recording.held_bytes() == 165);
}
