// Files and folders that are missing, broken or in the way: one line, exit 3, and nothing half done.
#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

// Exit 3 with one line that holds `message`; nothing on stdout, no folder made.
void expect_refused(const Workdir& desk, const Run& run, const std::string& message) {
  CHECK(run.code == 3);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: ") && Catch::Contains(message));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK_FALSE(std::filesystem::exists(desk / "out"));
}

}  // namespace

TEST_CASE("A model that is missing or broken is named in one line") {
  struct {
    const char *damage, *message;
  } cases[] = {
      {"rm -r model", "model: no such model directory"},
      {"rm -r model; mkdir model", "model: no llm"},
      {"rm model/vae.safetensors", "model/vae.safetensors: no such file"},
      {"rm model/tokenizer.model", "model/tokenizer.model"},
      {"printf '{' >model/model.json", "model/model.json"},
      {"head -c 100 model/vae.safetensors >x; mv x model/vae.safetensors", "model/vae.safetensors"},
      {"printf 'PK\\003\\004 broken' >model/llm.safetensors", "model/llm.safetensors"},
      {"cp model/vit.safetensors model/vae.safetensors", "vae"},
      {"sed -i 's/\"window\": 3/&, \"temp\": -1/' model/model.json",
       "model.json: defaults.temp: -1 came, expected 0 to 100"},
      {"sed -i 's/\"hidden\": 128/\"hidden\": 64/' model/model.json", "llm.hidden is 64"},
      {"printf '\\200\\002cos\\nsystem\\n(S\"touch ran\"\\ntR.' >model/vit.safetensors", "model/vit.safetensors"},
  };
  const Workdir desk;
  REQUIRE(desk.shell("mv model whole").code == 0);
  for (const auto& [damage, message] : cases) {
    INFO(damage);
    REQUIRE(desk.shell(std::string("rm -rf model out; cp -r whole model; ") + damage).code == 0);
    const Run run = desk.generate("-p fox -o out");
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Catch::Contains("seedstory: ") && Catch::Contains(message));
    CHECK_FALSE(std::filesystem::exists(desk / "ran"));
    CHECK_FALSE(std::filesystem::exists(desk / "out/000.png"));
  }
}

TEST_CASE("Pictures, prompts and captions that cannot be read are named in one line") {
  const Workdir desk;
  desk.write("text.png", "this is not a picture");
  desk.write("cut.png", encode_png({.width = 40, .height = 40, .rgb = std::vector<uint8_t>(4800, 7)}).substr(0, 60));
  desk.write("latin1.txt", "caf\xe9");
  desk.write("numbers.json", "[1, 2]");
  desk.write("object.json", "{\"captions\": []}");
  desk.write("string.json", "\"one\"");
  desk.write("nul.json", R"(["one", "a\u0000b"])");
  desk.write("nul.txt", std::string("fox\0red", 7));
  desk.write("unseen.json", "[\"\u200b\u00a0\"]");
  desk.write("unseen.txt", "\u200b\ufeff\u00a0\n");
  desk.write("nothing.txt", " \n\r\n\t");
  desk.write("zero", "");
  desk.write("surrogate.json", R"(["\ud800"])");
  desk.write("nested.json", R"([{"caption": "one"}])");
  desk.write("none.json", "[]");
  desk.write("blank.json", "[\"a\", \" \"]");
  desk.write("broken.json", "[\"a\",");
  desk.write("one.json", "[\"a\"]");
  desk.write("start.png", encode_png({.width = 4, .height = 4, .rgb = std::vector<uint8_t>(48)}));
  struct {
    const char *flags, *message;
  } generates[] = {{"-p fox -i nowhere.png", "nowhere.png: no such file"},
                   {"-p fox -i text.png", "text.png"},
                   {"-p fox -i cut.png", "cut.png"},
                   {"-p fox -i .", "."},
                   {"-f nowhere.txt", "nowhere.txt: no such file"},
                   {"-f latin1.txt", "latin1.txt: is not UTF-8 text"},
                   {"-f nul.txt", "nul.txt: has a NUL at byte 3, which no text has"},
                   {"-f nothing.txt", "nothing.txt: is empty"},
                   {"-f unseen.txt", "unseen.txt: is empty"},
                   {"-f zero", "zero: is empty"},
                   {"-f - <zero", "standard input: is empty"}};
  for (const auto& [flags, message] : generates) {
    INFO(flags);
    expect_refused(desk, desk.generate(std::string(flags) + " -o out"), message);
  }
  struct {
    const char *flags, *message;
  } visualizes[] = {
      {"numbers.json", "numbers.json: item 0 is not a string"},
      {"object.json",
       "object.json: an array of texts was expected, [\"first page\", \"second page\"], and an object came"},
      {"string.json", "string.json: an array of texts was expected, [\"first page\", \"second page\"], and a string"},
      {"nul.json", "nul.json: item 1 has a NUL at byte 1, which no text has"},
      {"nul.txt", "nul.txt: has a NUL at byte 3, which no text has"},
      {"unseen.json", "unseen.json: item 0 is empty"},
      {"nothing.txt", "nothing.txt: is empty"},
      {"zero", "zero: is empty"},
      {"latin1.txt", "latin1.txt: is not UTF-8 text"},
      {"surrogate.json", "surrogate.json: not valid JSON"},
      {"nested.json", "nested.json: item 0 is not a string, nor an object with a \"text\""},
      {"- <zero", "standard input: is empty"},
      {"none.json", "none.json: 0 captions; nothing is left to paint"},
      {"one.json -i start.png", "one.json: 1 caption; nothing is left to paint"},
      {"blank.json", "blank.json: item 1 is empty"},
      {"broken.json", "broken.json"},
      {"nowhere.json", "nowhere.json: no such file"}};
  for (const auto& [flags, message] : visualizes) {
    INFO(flags);
    expect_refused(desk, desk.shell("seedstory visualize --model model -o out --captions " + std::string(flags)),
                   message);
  }
}

TEST_CASE("An output place that cannot be written is found out before anything is computed") {
  const Workdir desk;
  desk.write("file", "in the way");
  // Root may write anywhere but here.
  for (const char* place : {"file", "file/below", "/proc/seedstory"}) {
    INFO(place);
    const Run run = desk.generate("-p fox -o " + std::string(place));
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + std::string(place)));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  CHECK(desk.read("file") == "in the way");
  for (const char* place : {"nowhere/t", "model", "/proc/t"}) {
    INFO(place);
    const Run run = desk.generate("-p fox -o out --trace " + std::string(place));
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + std::string(place)));
    CHECK_FALSE(std::filesystem::exists(desk / "out/000.png"));
  }
}

TEST_CASE("A model's path need not be UTF-8") {
  const Workdir desk;
  REQUIRE(desk.shell("mv model \"$(printf 'm\\377')\"").code == 0);
  const std::string model = " \"$(printf 'm\\377')\"";
  const Run run = desk.shell("seedstory generate -p fox -n 2 --progress-json --json -o out --model" + model);
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(desk.json("out/story.json")["model"]["flags"]["--model"] == "m\uFFFD");
  CHECK(desk.shell("seedstory inspect out/000.png").code == 0);
  CHECK(nlohmann::json::parse(desk.shell("seedstory inspect --json" + model).out)["model"] == "tiny");
  CHECK(nlohmann::json::accept(desk.shell("seedstory doctor --json --model" + model).out));
  CHECK(nlohmann::json::accept(desk.shell("seedstory plan --json --model" + model).out));
  CHECK(desk.shell("seedstory generate -p fox -n 2 -o out --model" + model).code == 0);  // the same story again
}

TEST_CASE("A part may come from another file, and a wrong one is an error by name") {
  const Workdir desk;
  REQUIRE(desk.shell("mkdir parts; mv model/vae.safetensors model/vit.safetensors parts/").code == 0);
  CHECK(desk.generate("-p fox -o out --vae parts/vae.safetensors --vit parts/vit.safetensors").code == 0);
  const Run run = desk.generate("-p fox -o wrong --vae parts/vit.safetensors --vit parts/vit.safetensors");
  CHECK(run.code == 3);
  CHECK_THAT(run.err,
             Catch::Contains("seedstory: vae: ") && Catch::Contains("missing: ") && Catch::Contains("unexpected: "));
}
