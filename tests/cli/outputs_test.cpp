// What lies where an output goes: what this story made before is written again, anything else is named and kept.
#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

namespace fs = std::filesystem;

void expect_refused(const Workdir& desk, const std::string& line, int code, const std::string& message) {
  INFO(line);
  const Run run = desk.shell(line);
  CHECK(run.code == code);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + message));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
}

std::string plain_png(uint8_t value) {
  return encode_png({.width = 32, .height = 32, .rgb = std::vector<uint8_t>(3072, value)});
}

const std::string kAsk = "seedstory generate --model model -n 3 -p fox ";

}  // namespace

TEST_CASE("A sheet outside of the folder replaces what this story made, and nothing else without --force") {
  const Workdir desk;
  REQUIRE(desk.shell(kAsk + "-o out --sheet ./mine.png").code == 0);
  const std::string sheet = desk.read("mine.png");
  // This very story, as it is there and as it is made again; a run before it that was killed; an empty file.
  CHECK(desk.shell(kAsk + "-o out --sheet ./mine.png").code == 0);
  CHECK(desk.shell(kAsk + "-o again --sheet ./mine.png").code == 0);
  CHECK(desk.shell("F=$(mktemp -p . --suffix=.png) && " + kAsk + "-o out --sheet $F && cmp $F mine.png").code == 0);
  CHECK(desk.shell("ln -s mine.png link.png; " + kAsk + "-o out --sheet ./link.png").code == 0);
  CHECK((desk.read("mine.png") == sheet));
  const std::string there =
      ": is there already, and is not of this story; --force replaces it, --sheet FILE goes elsewhere\n";
  desk.write("photo.png", plain_png(9));
  desk.write("text.png", "mine\n");
  desk.write("frame.png", desk.read("out/001.png"));
  REQUIRE(desk.shell("cp photo.png behind.png; ln -s behind.png soft.png; mkdir sub; cp photo.png sub/all.png; " +
                     kAsk + "--seed 7 -o seven --sheet ./seven.png")
              .code == 0);
  for (const std::string file :
       {"./photo.png", "./text.png", "./frame.png", "./soft.png", "sub/all.png", "./seven.png"}) {
    const std::string before = desk.read(file);
    expect_refused(desk, kAsk + "-o other --sheet " + file, 3, file + there);
    expect_refused(desk, kAsk + "-o out --sheet " + file, 3, file + there);
    CHECK((desk.read(file) == before));
    CHECK_FALSE(fs::exists(desk / "other"));
    CHECK(desk.shell(kAsk + "-o forced --force --sheet " + file).code == 0);
    CHECK((desk.read(file) == sheet));
  }
}

TEST_CASE("A trace replaces what this story made, and nothing else without --force") {
  const Workdir desk;
  REQUIRE(desk.shell(kAsk + "-o out --trace t").code == 0);
  CHECK(desk.shell(kAsk + "-o out --trace t").code == 0);
  const std::string tensors = desk.read("t"), calls = desk.read("t.json");
  // Cut off between its two files.
  CHECK(desk.shell("rm t.json; " + kAsk + "-o out --trace t").code == 0);
  CHECK((desk.read("t") == tensors));
  CHECK((desk.read("t.json") == calls));
  for (const std::string file : {"t", "t.json"})
    for (const std::string mine : {"mine\n", "{\"calls\": []}", "{}"}) {
      INFO(file << " " << mine);
      REQUIRE(desk.shell("rm -rf other t t.json").code == 0);
      desk.write(file, mine);
      expect_refused(desk, kAsk + "-o other --trace t", 3, file + ": is there already, and is not of this story; ");
      CHECK(desk.read(file) == mine);
      CHECK(desk.shell("ls | grep -c '^t'").out == "1\n");
      CHECK_FALSE(fs::exists(desk / "other"));
    }
  // A model's weights, and another story's trace.
  REQUIRE(desk.shell("rm -f t t.json; cp model/vae.safetensors w").code == 0);
  expect_refused(desk, kAsk + "-o other --trace w", 3, "w: is there already, and is not of this story; ");
  REQUIRE(desk.shell(kAsk + "--seed 7 -o seven --trace t").code == 0);
  expect_refused(desk, kAsk + "-o other --trace t", 3, "t: is there already, and is not of this story; ");
  expect_refused(desk, kAsk + "-o - --trace t", 3, "t: is there already, and is not of this story; ");
  CHECK(desk.shell(kAsk + "-o - --trace t --force >stream").code == 0);
  CHECK((desk.read("t") == tensors));
  CHECK((desk.read("t.json") == calls));
}

TEST_CASE("What lies in the place of a frame, and is none of this story, is named and kept") {
  const Workdir desk;
  REQUIRE(desk.shell(kAsk + "-o whole --sheet").code == 0);
  REQUIRE(desk.shell(kAsk + "--seed 7 -o seven --sheet").code == 0);
  desk.write("photo.png", plain_png(9));
  const char* cases[][2] = {{"001.png", "cp photo.png out/001.png"},
                            {"001.png", "cp seven/001.png out/001.png"},
                            {"001.png", "printf 'GIF89a and more' >out/001.png"},
                            {"001.png", "echo mine >out/001.png"},
                            {"000.png", "ln -sf ../photo.png out/000.png"},
                            {"story.html", "echo '<html>mine</html>' >out/story.html"},
                            {"story.html", "cp photo.png out/story.html"},
                            {"sheet.png", "cp photo.png out/sheet.png"},
                            {"sheet.png", "cp seven/sheet.png out/sheet.png"}};
  for (const auto& [file, command] : cases)
    for (const char* state : {"", "; sed -i 's/\"complete\": true/\"complete\": false/' out/story.json"})
      for (const char* flags : {"", " --force", " --seed 8 --force"}) {
        INFO(command << state << flags);
        REQUIRE(desk.shell("rm -rf out before; cp -r whole out; " + std::string(command) + state + "; cp -r out before")
                    .code == 0);
        expect_refused(desk, kAsk + "-o out --sheet" + flags, 3,
                       "out/" + std::string(file) + ": is not of " +
                           (file == std::string("sheet.png") ? "the story in its folder" : "a story that this folder"));
        desk.expect_equal_folders("before", "out");
      }
  CHECK((desk.read("photo.png") == plain_png(9)));
}

TEST_CASE("A folder whose story.json is broken is said to be that, with a sheet as well") {
  const Workdir desk;
  REQUIRE(desk.shell(kAsk + "-o whole --sheet").code == 0);
  for (const std::string text :
       {"mine\n", "{\"seedstory\": 1}", "{\"a\": 1}", "{\"seedstory\": \"0.1.0\", \"frames\": 3}"})
    for (const char* flags : {"", " --sheet"}) {
      INFO(text << flags);
      REQUIRE(desk.shell("rm -rf out; cp -r whole out").code == 0);
      desk.write("out/story.json", text);
      expect_refused(desk, kAsk + "-o out" + flags, 3,
                     "out: holds another story (whose story.json cannot be read); --force replaces it");
      CHECK(desk.read("out/story.json") == text);
    }
  CHECK(desk.shell(kAsk + "-o out --sheet --force").code == 0);
  desk.expect_equal_folders("whole", "out");
  // Where nothing says whose the sheet is, it is a stranger's.
  REQUIRE(desk.shell("rm -rf out; cp -r whole out; : >out/story.json; echo mine >out/sheet.png").code == 0);
  expect_refused(desk, kAsk + "-o out --sheet", 3, "out/sheet.png: is not of the story in its folder");
}

TEST_CASE("A sheet's name is a PNG's, and none of the story's own in any letters") {
  const Workdir desk;
  for (const std::string name : {"x.json", "x.html", "x.jpg", "x.jpeg", "x.webp", "./x.pdf", "sub.d/x.txt"})
    expect_refused(desk, kAsk + "-o out --sheet " + name, 2, "--sheet " + name + ": expected a name that ends in .png");
  for (const std::string name : {"STORY.html", "Story.Json", "000.PNG", "story.HTML", "0123.png"})
    for (const std::string& form : {name, "out/" + name}) {
      INFO(form);
      const Run run = desk.shell(kAsk + "-o out --sheet " + form);
      CHECK(run.code == 2);
      CHECK_THAT(run.err, Catch::Contains("of the story itself"));
    }
  CHECK(desk.shell("SEEDSTORY_SHEET=x.jpg " + kAsk + "-o out").err ==
        "seedstory: SEEDSTORY_SHEET x.jpg: expected a name that ends in .png, which is what a sheet is\n");
  CHECK_FALSE(fs::exists(desk / "out"));
  CHECK(desk.shell(kAsk + "-o out --sheet ALL.PNG && test -s out/ALL.PNG").code == 0);
  CHECK(desk.shell(kAsk + "-o out --sheet ./plain && test -s plain").code == 0);
  CHECK(desk.shell("mkfifo x.fifo; cat x.fifo >got.png & " + kAsk + "-o out --sheet ./x.fifo; wait; cmp got.png plain")
            .code == 0);
}

TEST_CASE("A folder that the program named is said, with --quiet too") {
  const Workdir desk;
  CHECK(desk.shell("seedstory generate --model model -n 1 -p fox -q").err == "story -> story-fox/story.html\n");
  CHECK(desk.shell("seedstory generate --model model -n 1 -p fox -q").err ==
        "story-fox holds this story already; nothing is computed\n");
  CHECK(desk.shell("seedstory generate --model model -n 1 -p fox -q -o out").err.empty());
}

TEST_CASE("Another prompt is said before another number of frames") {
  const Workdir desk;
  REQUIRE(desk.shell(kAsk + "-o out").code == 0);
  expect_refused(desk, "seedstory generate --model model -n 2 -p lantern -o out", 3,
                 "out: holds another story (its prompt differs); --force");
  expect_refused(desk, "seedstory generate --model model -n 2 -p fox -o out", 3,
                 "out: holds another story (its frames differ); --force");
}

TEST_CASE("More pictures than captions, and another size than the model's, are said") {
  const Workdir desk;
  desk.write("c.json", R"(["the fox", "a lantern", "snow"])");
  desk.write("start.png", plain_png(9));
  const std::string paint = "seedstory visualize --model model --captions c.json -n ";
  CHECK_THAT(desk.shell(paint + "7 -o seven").err,
             Catch::StartsWith("c.json: 3 captions: 3 pictures are made, not 7\n"));
  CHECK_THAT(desk.shell(paint + "7 -o start -i start.png").err,
             Catch::Contains("c.json: 3 captions, the first one of the start picture: 2 pictures are made, not 7\n"));
  CHECK_THAT(desk.shell(paint + "7 --dry-run").err,
             Catch::Contains("c.json: 3 captions: 3 pictures are made, not 7\n"));
  CHECK_THAT(desk.shell(paint + "3 -o three").err, !Catch::Contains("are made"));
  CHECK_THAT(desk.shell(paint + "2 -o two").err, !Catch::Contains("are made"));
  const std::string size = "tiny paints 32x32 pixels; at 64x32 its pictures may show nothing that belongs together\n";
  const Run run = desk.shell(kAsk + "-W 64 -o wide");
  CHECK(run.code == 0);
  CHECK_THAT(run.err, Catch::Contains(size));
  CHECK_THAT(desk.shell("seedstory plan --model model -W 64").err, Catch::Contains(size));
  CHECK_THAT(desk.shell(kAsk + "-W 32 -H 32 -o same").err, !Catch::Contains("paints"));
  CHECK_THAT(desk.shell("seedstory generate --model model -n 1 --steps 1 -p fox -o one").err,
             Catch::Contains("1 frame of 32x32, 1 step\n"));
}
