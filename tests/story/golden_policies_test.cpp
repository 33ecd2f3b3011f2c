// dense, sink and mm_sink against the float64 program of the golden values.
#include <nlohmann/json.hpp>

#include "golden.h"
#include "io/file.h"
#include "io/image.h"
#include "load/default_request.h"
#include "story/trace_file.h"
#include "story_result.h"

using namespace seedstory;

TEST_CASE("logits, texts and features under the cache policies equal the golden values", "[story][golden]") {
  if (!have_golden()) return;
  LoadedModel model(golden_dir() / "pretrained", 0);
  const auto expected = open_weights(golden_dir() / "policies.safetensors");
  const auto stories = nlohmann::json::parse(read_text_file(golden_dir() / "policies.json"));
  auto request = default_request(model.engine.config);
  request.prompt = "Mia the fox finds a red lantern in the snowy wood. Snow falls.";
  request.start = std::make_shared<Image>(read_image(golden_dir() / "start.png"));
  request.frames = 7;
  request.window = 2;
  for (const auto& [name, policy] :
       {std::pair{"dense", Policy::dense}, {"sink", Policy::sink}, {"mm_sink", Policy::mm_sink}}) {
    request.policy = policy;
    const auto told = tell(model.engine, request);
    REQUIRE(told->frames.size() == 7);
    TempDir dir;
    TraceFile(dir / "trace.safetensors").write(told->trace, "{}");
    const auto got = open_weights(dir / "trace.safetensors");
    for (int frame = 1; frame <= 7; ++frame) {
      const auto ids = stories.at(name).at(frame - 1).at("ids").get<std::vector<int>>();
      const auto& said = told->trace.calls()[frame - 1].generated;
      CHECK(std::vector<int>(said.begin(), said.begin() + ids.size()) == ids);
      CHECK(said[ids.size()] == model.engine.language.tokenizer.begin_image());
      for (const auto& [what, limit] : {std::pair{"logits", 1e-4}, {"feature", 1e-3}}) {
        const std::string tensor = fmt::format("{}.{}.{}", name, frame, what);
        INFO(tensor);
        const double error = relative_error(golden_tensor(*expected, tensor), golden_tensor(*got, tensor).as<float>());
        CHECK(error <= limit);
      }
    }
  }
}
