// quantize and convert: what they write, what they refuse, and what a story of it is.
#include "io/image.h"
#include "program.h"

using namespace seedstory;
namespace fs = std::filesystem;

namespace {

const std::string kNano = quoted(std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano");

// Exit code and one line that holds `message`; nothing on stdout, nothing made.
void expect_refused(const Workdir& desk, const std::string& command, int code, const std::string& message) {
  INFO(command);
  const Run run = desk.shell("seedstory " + command);
  CHECK(run.code == code);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: ") && Catch::Contains(message));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK_FALSE(fs::exists(desk / "out"));
  CHECK_FALSE(fs::exists(desk / ".out.part"));
}

}  // namespace

TEST_CASE("A story of a quantised model is the story of the model quantised when it is loaded") {
  const Workdir desk;
  const Run quantized = desk.shell("seedstory quantize " + kNano + " -o q8 --type q8");
  REQUIRE(quantized.code == 0);
  CHECK_THAT(quantized.out, Catch::Contains("tensors rounded, relative RMS error "));
  CHECK(fs::file_size(desk / "q8/detokenizer.safetensors") < 9'700'000);
  const std::string ask = " --no-settings -p 'The little fox' -n 1 --steps 2 -o ";
  REQUIRE(desk.shell("seedstory generate -m q8" + ask + "quantized").code == 0);
  REQUIRE(desk.shell("seedstory generate -m " + kNano + ask + "loaded --type q8").code == 0);
  const auto story = desk.json("quantized/story.json");
  CHECK(story["request"]["type"] == "q8");
  CHECK(story["frames"][0]["text"] == desk.json("loaded/story.json")["frames"][0]["text"]);
  const Image a = read_image(desk / "quantized/000.png"), b = read_image(desk / "loaded/000.png");
  CHECK(a.rgb == b.rgb);

  for (const char* type : {"q4", "bf16", "f16"})
    expect_refused(
        desk, std::string("generate -m q8 -p fox -o out --type ") + type, 2,
        "has its weights in q8, which " + std::string(type) + " would round once more; expected auto, q8 or f32");
  CHECK(desk.shell("seedstory plan -m q8 --type f32").code == 0);
  CHECK_THAT(desk.shell("seedstory plan -m q8").out, Catch::Contains(" in q8 on ") && !Catch::Contains("in q4: "));

  const Run listed = desk.shell("seedstory inspect q8/llm.safetensors");
  CHECK_THAT(listed.out, Catch::Contains("q8            8.5 ") && Catch::Contains("e-03 [192, 192]"));
  CHECK_THAT(desk.shell("seedstory inspect q8").out, Catch::Contains("weights        q8\n"));
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect --json q8/llm.safetensors").out);
  const auto head = std::find_if(json["list"].begin(), json["list"].end(),
                                 [](const auto& t) { return t["name"] == "lm_head.weight"; });
  CHECK((*head)["type"] == "q8");
  CHECK((*head)["bits"] == 8.5);
  CHECK((*head)["rms_error"].get<double>() > 0);
}

TEST_CASE("convert writes a model that tells the same story") {
  const Workdir desk;
  REQUIRE(desk.shell("seedstory convert model -o copy").code == 0);
  REQUIRE(desk.generate("-p fox -o a").code == 0);
  REQUIRE(desk.shell("seedstory generate -m copy -p fox -o b").code == 0);
  CHECK(desk.json("a/story.json")["frames"][0]["text"] == desk.json("b/story.json")["frames"][0]["text"]);
  CHECK(read_image(desk / "a/000.png").rgb == read_image(desk / "b/000.png").rgb);

  INFO("what is there is replaced if asked, and the model itself never");
  CHECK(desk.shell("seedstory convert model -o copy").err ==
        "seedstory: " + (desk / "copy").string() + ": is there already; --force replaces it\n");
  CHECK(desk.shell("seedstory convert model -o copy --force --type bf16").code == 0);
  CHECK_FALSE(fs::exists(desk / ".copy.part"));
  CHECK_THAT(desk.shell("seedstory inspect copy/llm.safetensors").out, Catch::Contains("bf16"));
  const Run itself = desk.shell("seedstory convert model -o ./model --force");
  CHECK(itself.code == 2);
  CHECK_THAT(itself.err, Catch::Contains("--output ./model: is the model itself"));
  desk.write("copy/mine.txt", "mine");
  CHECK(desk.shell("seedstory convert model -o copy --force").code == 3);
  CHECK(fs::exists(desk / "copy/mine.txt"));
}

TEST_CASE("quantize and convert say what is wrong, and leave nothing") {
  const Workdir desk;
  expect_refused(desk, "quantize -o out --type q8", 2, "MODEL is required (see seedstory quantize --help)");
  expect_refused(desk, "quantize model --type q8", 2, "--output DIR is required");
  expect_refused(desk, "quantize model -o out", 2, "--type q8 or q4 is required");
  expect_refused(desk, "quantize model -o out --type bf16", 2, "--type bf16: expected q8 or q4");
  expect_refused(desk, "convert model -o out --type auto", 2, "--type auto: expected f32, f16, bf16, q8 or q4");
  expect_refused(desk, "convert model -o out --keep 'vit.*'", 2, "--keep: only with --type q8 or q4");
  expect_refused(desk, "quantize model -o out --type q8 --scales largest", 2, "--scales: only with --type q4");
  expect_refused(desk, "quantize model -o out --type q4 --keep 'vat.*'", 2,
                 "--keep vat.*: no weight of a product has such a name; one is vit.conv1.weight");
  expect_refused(desk, "quantize model -o out --type q8", 3, "c_proj.weight has a k of 48, q8 wants a multiple of 32");
  expect_refused(desk, "quantize model -o out --type q4 --keep 'unet.*=q5'", 2,
                 "--keep unet.*=q5: expected PATTERN, PATTERN=q8 or PATTERN=q4");
  expect_refused(desk, "quantize nowhere -o out --type q8", 3, "nowhere: no such model directory");
  expect_refused(desk, "convert model -o no/out", 3, "cannot be written");
  REQUIRE(desk.shell("cp -r model broken; cp model/vit.safetensors broken/vae.safetensors").code == 0);
  expect_refused(desk, "convert broken -o out", 3, "vae: tensors of ");
}

TEST_CASE("A model in q4 with a part in q8 tells a story, and says of itself how it is held") {
  const Workdir desk;
  REQUIRE(desk.shell("seedstory quantize " + kNano + " -o mixed --type q4 --keep 'unet.*=q8'").code == 0);
  CHECK_THAT(desk.shell("seedstory inspect mixed").out, Catch::Contains("weights        q4, but for unet.*=q8\n"));
  CHECK(desk.shell("seedstory generate -m mixed -p fox --steps 1 -o out").code == 0);
  CHECK(desk.json("out/story.json")["frames"].size() > 0);
  REQUIRE(desk.shell("sed -i 's/=q8/=q5/' mixed/model.json").code == 0);
  const Run wrong = desk.shell("seedstory inspect mixed");
  CHECK(wrong.code == 3);
  CHECK_THAT(wrong.err, Catch::Contains("\"unet.*=q5\" came, expected PATTERN, PATTERN=q8 or PATTERN=q4"));
}

TEST_CASE("A file that cannot grow ends quantize, and nothing half written stays") {
  const Workdir desk;
  const Run run = desk.shell("trap '' XFSZ; ulimit -f 600; seedstory convert model -o out");
  CHECK(run.code == 3);
  CHECK_THAT(run.err, Catch::Contains("cannot be written: File too large"));
  CHECK_FALSE(fs::exists(desk / "out"));
  CHECK_FALSE(fs::exists(desk / ".out.part"));
}

TEST_CASE("A quantised file that was damaged is named with its tensor") {
  const Workdir desk;
  REQUIRE(desk.shell("seedstory quantize " + kNano + " -o whole --type q4").code == 0);
  struct {
    const char *edit, *message;
  } cases[] = {
      {"s/\"lm_head.weight.scale\"/\"lm_head.weight.scalf\"/",
       "lm_head.weight is i4(2066, 192) without lm_head.weight.scale"},
      {"s/\"lm_head.weight\":\"q4, blocks of 32/\"lm_head.weight\":\"q4, blocks of 64/",
       "lm_head.weight: metadata \"q4, blocks of 64"},
      {"s/\"lm_head.weight\":\"q4, /\"lm_head.weight\":\"q8, /", "lm_head.weight is u8(2066, 96), expected i8"},
      {"s/\\[2066,96\\]/[6198,32]/", "lm_head.weight.scale is f16(2066, 6), expected f16(6198, 2)"},
      {"s/\"lm_head.weight\":\"q4, /\"lm_head.weight\":\"x4, /",
       "lm_head.weight is u8(2066, 96), expected (2066, 192)"},
  };
  for (const auto& [edit, message] : cases) {
    INFO(edit);
    const Run run = desk.shell("rm -rf q4; cp -r whole q4; LC_ALL=C sed -i '" + std::string(edit) +
                               "' q4/llm.safetensors; seedstory generate -m q4 -p fox -o out");
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains(message));
  }
}
