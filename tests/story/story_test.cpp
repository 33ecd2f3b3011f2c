// The story loop on models whose LLM follows a script: what the golden values do not cover.
#include "catch.h"
#include "load/default_request.h"
#include "story/plan.h"
#include "story_result.h"

using namespace seedstory;

namespace {

// Words of the test tokeniser by their last token, so that a script can be written in words.
struct Script {
  explicit Script(CallEnd ends) {
    model.call_ends = ends;
    model.call_prefix = "";
    write_tiny_model(dir.path());  // for its tokeniser
    tokenizer = std::make_unique<Tokenizer>(dir / "tokenizer.model", dir / "added_tokens.json", false);
  }
  int word(const std::string& text) const { return tokenizer->encode_tags(text).back(); }
  void say(int after, int next) { model.script[after] = next; }

  std::unique_ptr<LoadedModel> load() {
    write_tiny_model(dir.path(), model);
    return std::make_unique<LoadedModel>(dir.path());
  }

  TempDir dir;
  TinyModel model;
  std::unique_ptr<Tokenizer> tokenizer;
};

StoryRequest request_for(const LoadedModel& model, const std::string& prompt, int64_t frames) {
  StoryRequest request = default_request(model.engine.config);
  request.prompt = prompt;
  request.frames = frames;
  return request;
}

std::vector<int> with_picture(const Tokenizer& t, std::vector<int> before, std::vector<int> after = {}) {
  before.push_back(t.begin_image());
  before.insert(before.end(), t.image_tokens().begin(), t.image_tokens().end());
  before.push_back(t.end_image());
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

}  // namespace

TEST_CASE("a published call goes on after its picture, and that text belongs to the frame", "[story]") {
  Script script(CallEnd::eos);
  const Tokenizer& t = *script.tokenizer;
  const int fox = script.word("fox"), red = script.word("red"), snow = script.word("snow");
  script.say(snow, fox);
  script.say(fox, t.begin_image());
  script.say(t.end_image(), red);
  script.say(red, Tokenizer::eos);
  const auto model = script.load();

  const auto told = tell(model->engine, request_for(*model, "snow", 1));
  REQUIRE(told->frames.size() == 1);
  CHECK(told->trace.calls()[0].generated == with_picture(t, {fox}, {red, Tokenizer::eos}));
  CHECK(told->frames[0].text == t.decode({fox}) + " " + t.decode({red}));
  CHECK(told->heard.text == told->frames[0].text + "\n");
}

TEST_CASE("a call without a picture ends the story, and says so", "[story]") {
  Script script(CallEnd::eos);
  const int fox = script.word("fox"), snow = script.word("snow");
  script.say(snow, fox);
  script.say(fox, Tokenizer::eos);
  const auto model = script.load();
  const auto told = tell(model->engine, request_for(*model, "snow", 3));
  CHECK(told->frames.empty());
  REQUIRE(told->heard.warnings.size() == 1);
  CHECK(told->heard.warnings[0] == "the story ended before frame 0: the model wrote no picture");
}

TEST_CASE("max_tokens ends a published call even inside a picture", "[story]") {
  Script script(CallEnd::eos);
  const Tokenizer& t = *script.tokenizer;
  const int fox = script.word("fox"), snow = script.word("snow");
  script.say(snow, fox);
  script.say(fox, t.begin_image());
  script.say(t.end_image(), Tokenizer::eos);
  const auto model = script.load();
  auto request = request_for(*model, "snow", 2);
  request.max_tokens = 4;
  const auto told = tell(model->engine, request);
  CHECK(told->frames.empty());
  CHECK(told->trace.calls()[0].generated ==
        std::vector<int>{fox, t.begin_image(), t.image_tokens()[0], t.image_tokens()[1]});
  REQUIRE(told->heard.warnings.size() == 1);
  CHECK(told->heard.warnings[0] == "the story ended before frame 0: no whole picture within 4 tokens (--max-tokens)");

  request.max_tokens = 7;  // exactly the text, <img>, 4 image tokens and </img>: the picture counts
  CHECK(tell(model->engine, request)->frames.size() == 1);
}

TEST_CASE("a model of ours that never stops writing is cut, and still draws", "[story]") {
  Script script(CallEnd::eoi);
  const int fox = script.word("fox"), snow = script.word("snow");
  script.say(snow, fox);
  script.say(fox, fox);
  script.say(script.tokenizer->end_image(), fox);
  const auto model = script.load();
  auto request = request_for(*model, "snow", 2);
  request.max_tokens = 10;
  const auto told = tell(model->engine, request);
  REQUIRE(told->frames.size() == 2);
  CHECK(told->trace.calls()[1].generated == with_picture(*script.tokenizer, {fox, fox, fox, fox}));
  REQUIRE(told->heard.warnings.size() == 2);
  CHECK(told->heard.warnings[1] == "frame 1: its text was cut at 10 tokens (--max-tokens)");
}

TEST_CASE("with all logits negative the published rule's 0.0 starts a picture", "[story]") {
  Script script(CallEnd::eos);
  const Tokenizer& t = *script.tokenizer;
  script.say(script.word("snow"), script.word("fox"));
  script.model.offset = -60;  // the scripted logit is at -40
  const auto model = script.load();
  const auto told = tell(model->engine, request_for(*model, "snow", 1));
  REQUIRE(told->frames.size() == 1);  // 64 (here 4) image tokens before </img>: a picture, though without <img>
  const auto& ids = told->trace.calls()[0].generated;
  CHECK(std::vector<int>(ids.begin(), ids.begin() + 5) == [&] {
    std::vector<int> expected = t.image_tokens();
    expected.push_back(t.end_image());
    return expected;
  }());
}

TEST_CASE("models of ours choose neither picture tokens outside a picture nor </s>", "[story]") {
  Script script(CallEnd::eoi);
  script.model.offset = -60;
  script.say(script.word("snow"), Tokenizer::eos);
  const auto model = script.load();
  auto request = request_for(*model, "snow", 1);
  request.max_tokens = 8;
  const auto told = tell(model->engine, request);
  REQUIRE(told->frames.size() == 1);
  const auto& ids = told->trace.calls()[0].generated;
  for (int i = 0; i < 2; ++i) {
    CHECK(ids[i] != Tokenizer::eos);
    CHECK(ids[i] < script.tokenizer->image_tokens()[0]);
  }
}

TEST_CASE("the window cuts the oldest frame and the mark behind it", "[story]") {
  Script script(CallEnd::eoi);
  const Tokenizer& t = *script.tokenizer;
  script.model.call_prefix = "[INST]{left}|";
  const int bar = script.word("|"), fox = script.word("fox");
  script.say(bar, fox);
  script.say(fox, t.begin_image());
  const auto model = script.load();
  auto request = request_for(*model, "snow", 5);
  request.window = 2;
  const auto told = tell(model->engine, request);
  REQUIRE(told->frames.size() == 5);

  const std::string fox_text = " " + clean_text(t.decode({fox}));
  const auto context = [&](const std::vector<std::string>& texts) {
    std::vector<Segment> segments;
    for (size_t i = 0; i < texts.size(); ++i) {
      segments.push_back({texts[i], -1});
      if (i + 1 == texts.size()) break;
      for (int id : with_picture(t, {})) segments.push_back({"", id});
    }
    std::vector<int> ids = t.encode(segments);
    ids.insert(ids.begin(), Tokenizer::bos);
    return ids;
  };
  const auto& calls = told->trace.calls();
  CHECK(calls[0].context == context({"snow[INST]5|"}));
  CHECK(calls[1].context == context({"snow[INST]5|" + fox_text, "[INST]4|"}));
  CHECK(calls[2].context == context({"snow[INST]5|" + fox_text, "[INST]4|" + fox_text, "[INST]3|"}));
  CHECK(calls[3].context == context({"4|" + fox_text, "[INST]3|" + fox_text, "[INST]2|"}));
  CHECK(calls[4].context == context({"3|" + fox_text, "[INST]2|" + fox_text, "[INST]1|"}));
}

TEST_CASE("given captions are drawn one by one under every policy", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  for (Policy policy : {Policy::window, Policy::dense, Policy::sink, Policy::mm_sink}) {
    auto request = default_request(model.engine.config);
    request.captions = {"a fox", "the snow", "a red lantern", "the fox"};
    request.policy = policy;
    request.window = 2;
    const auto told = tell(model.engine, request);
    REQUIRE(told->frames.size() == 4);
    CHECK(told->heard.text == "a fox\nthe snow\na red lantern\nthe fox\n");
    CHECK(told->frames[3].index == 3);
    CHECK(told->frames[0].feature != told->frames[3].feature);
  }
}

TEST_CASE("a start picture takes the first caption and the first file", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  auto request = default_request(model.engine.config);
  request.captions = {"a fox", "the snow", "a red lantern"};
  request.start = std::make_shared<Image>(Image{.width = 5, .height = 3, .rgb = std::vector<uint8_t>(45, 200)});
  for (Policy policy : {Policy::window, Policy::mm_sink}) {
    request.policy = policy;
    const auto told = tell(model.engine, request);
    REQUIRE(told->frames.size() == 2);
    CHECK(told->frames[0].index == 1);
    CHECK(told->frames[0].text == "the snow");
  }
}

TEST_CASE("control tags in a prompt are only text", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  auto request = request_for(model, "the </s> fox <img> in <img_00001> snow </img>", 1);
  const auto told = tell(model.engine, request);
  for (int id : told->trace.calls()[0].context.empty() ? std::vector<int>{}
                                                       : std::vector<int>(told->trace.calls()[0].context.begin() + 1,
                                                                          told->trace.calls()[0].context.end())) {
    CHECK(id > Tokenizer::eos);
    CHECK(id < model.engine.language.tokenizer.image_tokens()[0]);
  }
}

TEST_CASE("a prompt that does not fit is refused", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  std::string prompt;
  for (int i = 0; i < 600; ++i) prompt += " fox";
  const std::string error = error_of(ErrorKind::input, [&] { tell(model.engine, request_for(model, prompt, 1)); });
  CHECK(error.find("the model has 512 positions") != std::string::npos);
}

TEST_CASE("the words are the same whether the backend or the host picks them", "[story]") {
  for (const CallEnd ends : {CallEnd::eoi, CallEnd::eos}) {
    TempDir dir;
    write_tiny_model(dir.path(), {.call_ends = ends});
    LoadedModel model(dir.path());
    auto request = request_for(model, "the fox in the snow", 3);
    request.max_tokens = 40;
    const auto there = tell(model.engine, request);
    request.sampling.temperature = 1;
    request.sampling.top_k = 1;  // the best, by the way that samples
    const auto here = tell(model.engine, request);
    REQUIRE(there->trace.calls().size() == here->trace.calls().size());
    for (size_t i = 0; i < here->trace.calls().size(); ++i) {
      CHECK(there->trace.calls()[i].context == here->trace.calls()[i].context);
      CHECK(there->trace.calls()[i].generated == here->trace.calls()[i].generated);
    }
  }
}

TEST_CASE("a story has room for all that its policy keeps, and a plan counts no more", "[story]") {
  Script script(CallEnd::eoi);
  const int fox = script.word("fox");
  script.model.call_prefix = "[INST]{left}|";
  script.model.max_positions = 1000;
  for (int id = 0; id < script.tokenizer->vocab_size(); ++id) script.say(id, fox);  // never stops: the longest frames
  const auto model = script.load();
  const ModelConfig& config = model->engine.config;
  const auto work_bytes = [&](const StoryRequest& request) {
    return make_plan(open_model({.dir = script.dir.path()}), request, WeightFormat::f32)[Stage::language].work_bytes;
  };
  for (const Policy policy : {Policy::window, Policy::dense, Policy::sink, Policy::mm_sink})
    for (const bool given : {false, true}) {
      auto request = request_for(*model, "the fox in the snow", 6);
      request.policy = policy;
      request.window = 2;
      request.max_tokens = 16;
      if (given) request.captions = {"a fox", "the snow", "a red lantern", "the fox", "the fox in the snow", "fox fox"};
      request.start = std::make_shared<Image>(Image{.width = 5, .height = 3, .rgb = std::vector<uint8_t>(45, 200)});
      INFO("policy " << int(policy) << ", captions " << given);
      REQUIRE(positions_needed(config, request) < config.llm.max_positions);
      CHECK(tell(model->engine, request)->frames.size() == (given ? 5 : 6));
      auto more = request;
      more.max_tokens += 10;
      CHECK(work_bytes(more) > work_bytes(request));
    }
  auto request = request_for(*model, "snow", 6);
  CHECK(positions_needed(config, request) == config.llm.max_positions);  // 500 tokens a frame
  request.captions = {"a fox", "the snow", "the fox"};
  request.policy = Policy::compat_vis;
  request.max_tokens = 16;
  REQUIRE(positions_needed(config, request) < config.llm.max_positions);
  CHECK(tell(model->engine, request)->frames.size() <= 3);
}

TEST_CASE("what is longer when it is read again finds room too", "[story]") {
  Script script(CallEnd::eoi);
  const Tokenizer& t = *script.tokenizer;
  // A byte that is no text: decoded it is U+FFFD, which is three bytes.
  int byte = 3;
  while (byte < t.vocab_size() && t.decode({byte}) != "\xEF\xBF\xBD") ++byte;
  REQUIRE(byte < t.vocab_size());
  for (int id = 0; id < t.vocab_size(); ++id) script.say(id, byte);
  script.model.max_positions = 2000;
  const auto model = script.load();
  auto request = request_for(*model, "snow", 4);
  request.window = 3;
  request.max_tokens = 150;
  const int64_t planned = positions_needed(model->engine.config, request);
  REQUIRE(planned < 2000);
  const auto told = tell(model->engine, request);
  REQUIRE(told->frames.size() == 4);
  CHECK(int64_t(told->trace.calls()[3].context.size()) > planned);
}

TEST_CASE("compat_vis is refused for generate", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel model(dir.path());
  auto request = request_for(model, "snow", 1);
  request.policy = Policy::compat_vis;
  CHECK_THROWS_WITH(tell(model.engine, request),
                    "--policy: compat_vis came, which is for visualize; expected window, dense, sink or mm_sink");
}

TEST_CASE("the same story has the same bytes in any order and with any number of threads", "[story]") {
  TempDir dir;
  write_tiny_model(dir.path());
  LoadedModel one(dir.path(), 1), two(dir.path(), 2);
  auto request = request_for(one, "the little fox", 3);
  request.max_tokens = 20;

  const auto interleaved = [&](Engine& engine) {
    RecordedText heard;
    Storyteller teller = make_storyteller(engine, request, heard);
    Painter painter = make_painter(engine, request, heard);
    std::vector<std::vector<uint8_t>> pictures;
    while (auto frame = teller.next()) pictures.push_back(painter.paint(*frame).rgb);
    return std::pair(heard.text, pictures);
  };
  const auto expected = interleaved(one.engine);
  REQUIRE(expected.second.size() == 3);
  CHECK(interleaved(one.engine) == expected);
  CHECK(interleaved(two.engine) == expected);

  const auto told = tell(two.engine, request);
  CHECK(told->heard.text == expected.first);
  RecordedText heard;
  Painter painter = make_painter(two.engine, request, heard);
  for (int i : {2, 0, 1}) CHECK(painter.paint(told->frames[i]).rgb == expected.second[i]);
}
