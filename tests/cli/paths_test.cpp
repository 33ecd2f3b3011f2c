// The files and folders of a story: what is there already is never lost, and what comes out is never half or mixed.
#include <sys/stat.h>

#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

namespace fs = std::filesystem;

// A model that is not told how many frames are left, as the published one: a longer story begins like a shorter one.
TinyModel uncounting_model() {
  return scripted_model("[INST]|");
}

void expect_refused(const Workdir& desk, const std::string& flags, int code, const std::string& message) {
  INFO(flags);
  const Run run = desk.generate("-p fox " + flags);
  CHECK(run.code == code);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: ") && Catch::Contains(message));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
}

// A run that stands still after its first word, in its first frame, while `then` happens. Its exit code is in
// NAME.code, what it said in NAME.err.
std::string meanwhile(const std::string& name, const std::string& flags, const std::string& then) {
  return "{ sh -c 'echo $$ >" + name + ".pid; exec seedstory generate --model model -n 3 --steps 100 -p fox -o " +
         name + " " + flags + "' 2>" + name + ".err; echo $? >" + name + ".code; } | { read first; kill -STOP $(cat " +
         name + ".pid); " + then + "; kill -CONT $(cat " + name + ".pid); cat >/dev/null; }";
}

}  // namespace

TEST_CASE("A sheet goes through links, pipes and devices, and they stay what they are") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o whole --sheet plain.png").code == 0);
  const std::string sheet = desk.read("whole/plain.png");
  REQUIRE(desk.shell("ln -s /dev/null nul; : >real.png; ln -s real.png link.png; ln -s new.png dangling.png; "
                     "mkfifo pipe")
              .code == 0);
  for (const char* name : {"nul", "link.png", "dangling.png"}) {
    INFO(name);
    CHECK(desk.generate("-p fox -o out --sheet ./" + std::string(name)).code == 0);
    CHECK(fs::is_symlink(desk / name));
  }
  CHECK(fs::is_character_file("/dev/null"));
  CHECK((desk.read("real.png") == sheet));
  CHECK((desk.read("new.png") == sheet));
  CHECK(desk.shell("cat pipe >got & seedstory generate --model model -n 3 -p fox -o out --sheet ./pipe && wait").code ==
        0);
  CHECK(fs::is_fifo(desk / "pipe"));
  CHECK((desk.read("got") == sheet));
  CHECK(desk.generate("-p fox -o out --sheet /dev/fd/3 3>third").code == 0);
  CHECK((desk.read("third") == sheet));
  expect_refused(desk, "-o other --sheet ./pipe", 3, "./pipe: cannot be written: nobody reads this pipe");
  expect_refused(desk, "-o other --trace ./nul", 3, "./nul: is not a regular file; --trace makes two");
  expect_refused(desk, "-o other --log-file ./model", 3, "./model: cannot be written: Is a directory");
  CHECK_FALSE(fs::exists(desk / "other"));
}

TEST_CASE("A folder that is a link is filled, and frames that are links stay links") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o whole").code == 0);
  REQUIRE(desk.shell("mkdir real; ln -s real out").code == 0);
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  CHECK(fs::is_symlink(desk / "out"));
  desk.expect_equal_folders("whole", "real");
  REQUIRE(desk.shell("mv real/001.png elsewhere.png; ln -s ../elsewhere.png real/001.png").code == 0);
  CHECK(desk.generate("-p fox --seed 7 -o out --force").code == 0);
  CHECK(fs::is_symlink(desk / "real/001.png"));
  CHECK(read_image(desk / "elsewhere.png").rgb != read_image(desk / "whole/001.png").rgb);
  struct {
    const char *target, *message;
  } cases[] = {{"000.png", "out/001.png: is a link to another file of the story"},
               {"001.png", "out/001.png: cannot be written: Too many levels of symbolic links"},
               {"nowhere/x.png", "out/001.png: cannot be written: no such folder"},
               {"/dev/null", "out/001.png: is not a regular file"},
               {"../model", "out/001.png: is not a regular file"}};
  for (const auto& [target, message] : cases) {
    INFO(target);
    REQUIRE(desk.shell("rm -rf real; mkdir real; ln -s " + std::string(target) + " real/001.png").code == 0);
    expect_refused(desk, "-o out", 3, message);
    CHECK(desk.files("real") == std::vector<std::string>{"001.png"});
  }
}

TEST_CASE("A stranger's file is named and kept, with --force too") {
  const Workdir desk;
  for (const char* name : {"000.png", "002.png", "story.html", "story.json", "sheet.png"}) {
    const std::string file = "out/" + std::string(name);
    for (const char* force : {"", " --force"}) {
      INFO(name << force);
      REQUIRE(desk.shell("rm -rf out; mkdir out; echo mine >" + file).code == 0);
      expect_refused(desk, "-o out --sheet" + std::string(force), 3, file + ": is not of ");
      CHECK(desk.read(file) == "mine\n");
      CHECK(desk.files("out").size() == 1);
    }
  }
  // What no frame of this story needs stays as well.
  REQUIRE(desk.shell("rm -rf out; mkdir out; echo mine >out/003.png; echo mine >out/2024.png").code == 0);
  CHECK(desk.generate("-p fox -o out").code == 0);
  CHECK(desk.generate("-p fox -n 1 --seed 7 -o out --force").code == 0);
  CHECK(desk.files("out") == std::vector<std::string>{"000.png", "003.png", "2024.png", "story.html", "story.json"});
  CHECK(desk.read("out/003.png") == "mine\n");
  // A frame of another story is a stranger's too.
  REQUIRE(desk.generate("-p 'The fox' -o other").code == 0);
  REQUIRE(desk.shell("rm -rf out; mkdir out; cp other/001.png out").code == 0);
  expect_refused(desk, "-o out", 3, "out/001.png: is not of ");
}

TEST_CASE("Outputs that are one another, an input or the story's own are exit 2") {
  const Workdir desk;
  desk.write("start.png", encode_png({.width = 32, .height = 32, .rgb = std::vector<uint8_t>(3072, 9)}));
  desk.write("config.toml", "steps = 2\n");
  REQUIRE(desk.generate("-p fox -o there").code == 0);
  REQUIRE(desk.shell("ln start.png hard.png; ln -s start.png soft.png; ln -s model linked; ln -s there/000.png frame; "
                     "mkdir -p sub; cp -r there before; cp -r model model-before; cp start.png start-before.png")
              .code == 0);
  const char* cases[] = {"-o out --sheet story.json",
                         "-o out --sheet 000.png",
                         "-o out --sheet 123.png",
                         "-o out --sheet story.html",
                         "-o out --sheet out/story.json",
                         "-o out --sheet ./out/../out/001.png",
                         "--sheet story.html",
                         "-o there --sheet ./frame",
                         "-o there --trace there/000.png",
                         "-o there --log-file there/story.json",
                         "-o out --log-file out/story.html",
                         "--log-file story-fox/story.json",
                         "-o out -i start.png --trace start.png",
                         "-o out -i start.png --sheet ./hard.png",
                         "-o out -i soft.png --log-file start.png",
                         "-o out -i start.png --trace soft.png",
                         "-o out --trace model/vae.safetensors",
                         "-o out --trace linked/model.json",
                         "-o out --log-file model/model.json",
                         "-o out --vae model/vae.safetensors --sheet ./model/vae.safetensors",
                         "-o out --config config.toml --log-file config.toml",
                         "-o out --config config.toml --trace sub/../config.toml",
                         "-o out --sheet ./same --trace same",
                         "-o out --sheet ./t.json --trace t",
                         "-o out --log-file same --trace same",
                         "-o out --trace out",
                         "-o out --log-file out",
                         "-o there -i there/000.png",
                         "-o out --sheet ./e 2>e",
                         "-o out --sheet /dev/stderr",
                         "-o out --log-file /dev/fd/2",
                         "-o out --log-file here.txt 3>here.txt --progress-fd 3",
                         "-o out --trace start.png <start.png"};
  for (const char* flags : cases) {
    INFO(flags);
    const Run run = desk.generate("-p fox " + std::string(flags));
    CHECK(run.code == 2);
    CHECK(run.out.empty());
    if (!std::string(flags).ends_with("2>e"))
      CHECK_THAT(run.err, Catch::Contains(": are one file") || Catch::Contains("of the story itself"));
    CHECK_FALSE(fs::exists(desk / "out"));
  }
  CHECK(desk.generate("-f prompt.txt -o out --log-file prompt.txt").code == 2);
  CHECK(desk.shell("seedstory visualize --model model --captions c.json -o out --trace ./c.json").code == 2);
  CHECK(desk.shell("seedstory generate --model model -p fox -o out --sheet /dev/stdout | cat; test ! -e out").code ==
        0);
  desk.expect_equal_folders("there", "before");
  desk.expect_equal_folders("model", "model-before");
  CHECK((desk.read("start.png") == desk.read("start-before.png")));
  CHECK(desk.read("config.toml") == "steps = 2\n");
  // /dev/null takes everything.
  CHECK(desk.generate("-p fox -o out --sheet /dev/null --log-file /dev/null >/dev/null 2>/dev/null").code == 0);
}

TEST_CASE("A folder is one run's at a time, and a run that was killed holds nothing") {
  const Workdir desk;
  const std::string ask = "seedstory generate --model model -p fox -n 3 --steps 600 --seed ";
  const Run run = desk.shell("mkfifo e; " + ask + "1 -o out --progress-json >words 2>e & pid=$!\nexec 3<e\n" +
                             "while read -r line; do case $line in *'\"step\"'*) break;; esac; done <&3\n" + ask +
                             "2 -o out; echo $? >two; " + ask + "1 -o ./out/ 2>err; echo $? >same\n" +
                             "kill -9 $pid; exec 3<&-; wait $pid; " + ask + "1 -o out -q; echo $? >again");
  CHECK(desk.read("two") == "3\n");
  CHECK(desk.read("same") == "3\n");
  CHECK(desk.read("again") == "0\n");
  CHECK_THAT(run.err, Catch::Contains("seedstory: out: another seedstory is writing its story here\n"));
  REQUIRE(desk.shell(ask + "1 -o whole").code == 0);
  desk.expect_equal_folders("whole", "out");
}

TEST_CASE("Two runs with other stories fill two folders when the program names them") {
  const Workdir desk;
  const std::string ask = "seedstory generate --model model -n 2 -p ";
  CHECK(desk.shell(ask + "'A fox.' -q & " + ask + "'A fox!' -q; wait $!").code == 0);
  CHECK(desk.json("story-a-fox/story.json")["complete"] == true);
  CHECK(desk.json("story-a-fox-2/story.json")["complete"] == true);
  CHECK(desk.json("story-a-fox/story.json")["request"]["prompt"] !=
        desk.json("story-a-fox-2/story.json")["request"]["prompt"]);
}

TEST_CASE("What is missing or damaged of a finished story is made again, and nothing else") {
  const Workdir desk;
  const std::string ask = "-p 'The fox' --sheet -o ";
  const Run whole = desk.generate(ask + "whole");
  REQUIRE(whole.code == 0);
  struct {
    const char *damage, *message;
  } cases[] = {
      {": >out/001.png", "out/001.png is damaged; it is made again\n"},
      {"head -c 1500 whole/001.png >out/001.png", "out/001.png is damaged"},
      {"cp whole/000.png out/001.png", "out/001.png is damaged"},
      {"printf xxxx | dd of=out/001.png bs=1 seek=$(($(stat -c %s whole/001.png) - 40)) conv=notrunc 2>dd",
       "out/001.png is damaged"},
      {"printf x | dd of=out/001.png bs=1 seek=$(($(LC_ALL=C grep -abo -m 1 tEXt whole/001.png | head -1 | cut -d: "
       "-f1) + 20)) "
       "conv=notrunc 2>dd",
       "out/001.png is damaged"},
      {"rm out/001.png", "out/001.png is missing"},
      {": >out/story.html", "out/story.html was missing or damaged; it is written again\n"},
      {"rm out/story.html", "out/story.html was missing or damaged"},
      {"head -c 5000 whole/story.html >out/story.html", "out/story.html was missing or damaged"},
      {": >out/sheet.png", "sheet -> out/sheet.png\n"},
      {"rm out/sheet.png", "sheet -> out/sheet.png\n"},
      {": >out/story.json; rm out/sheet.png", "out/story.json is damaged"},
      {"head -c 300 whole/story.json >out/story.json; rm out/sheet.png", "out/story.json is damaged"},
      {"sed -i 's/a red/a blue/' out/story.json",
       "out/story.json was changed: out/000.png says otherwise; it is made again\n"},
      {"sed -i '0,/\"file\": \"001.png\"/s//\"file\": \"007.png\"/' out/story.json",
       "out/story.json was changed: frame 1 has the file \"007.png\", expected \"001.png\""},
      {"sed -i '0,/\"index\": 2/s//\"index\": 0/' out/story.json",
       "out/story.json was changed: frame 0 has the file \"002.png\", expected \"000.png\""},
      {"python3 -B -c 'import json; s = json.load(open(\"out/story.json\")); s[\"frames\"].pop(); "
       "json.dump(s, open(\"out/story.json\", \"w\"))'",
       "out/story.json was changed: 002.png is not in it"},
      {"python3 -B -c 'import json; s = json.load(open(\"out/story.json\")); s[\"frames\"].pop(1); "
       "json.dump(s, open(\"out/story.json\", \"w\"))'",
       "out/story.json was changed: 001.png is not in it"},
      {"echo junk >>out/001.png", "out/001.png is damaged; it is made again\n"},
  };
  for (const auto& [damage, message] : cases) {
    INFO(damage);
    REQUIRE(desk.shell("rm -rf out; cp -r whole out; " + std::string(damage)).code == 0);
    const auto painted = fs::last_write_time(desk / "out/002.png");
    const Run run = desk.generate(ask + "out");
    CHECK(run.code == 0);
    CHECK(run.out == whole.out);
    CHECK_THAT(run.err, Catch::Contains(message));
    CHECK(fs::last_write_time(desk / "out/002.png") == painted);
    desk.expect_equal_folders("whole", "out");
    CHECK_THAT(desk.generate(ask + "out").err,
               Catch::StartsWith("out holds this story already; nothing is computed\n"));
  }
}

TEST_CASE("A frame that somebody changed is named and kept") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  // Other pixels under the same words, as an editor of pictures leaves them.
  Image other = read_image(desk / "out/001.png");
  other.rgb[0] ^= 1;
  desk.write("out/001.png", encode_png(other, read_png_text(desk / "out/001.png")));
  const std::string changed = desk.read("out/001.png");
  for (const char* ask : {"-p fox -o out", "-p fox -o out --sheet", "-p fox -o out --trace t"}) {
    INFO(ask);
    const Run run = desk.generate(ask);
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK(run.err ==
          "seedstory: out/001.png: was changed since this story wrote it, and is not overwritten; move it away, or "
          "--force makes the story again\n");
    CHECK((desk.read("out/001.png") == changed));
  }
  CHECK(desk.generate("-p fox -o out --force").code == 0);
  CHECK((desk.read("out/001.png") != changed));
  desk.shell("mv out/001.png mine.png");
  CHECK(desk.generate("-p fox -o out").code == 0);
  CHECK(desk.generate("-p fox -o out").code == 0);
}

TEST_CASE("A page or a sheet that somebody changed is named and kept") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -n 2 -o out --sheet").code == 0);
  REQUIRE(desk.shell("mkdir sheets; cp -r out whole").code == 0);
  const auto change_sheet = [&](const std::string& file) {
    Image other = read_image(desk / file);
    other.rgb[0] ^= 1;
    desk.write(file, encode_png(other, read_png_text(desk / file)));
  };
  const auto expect_kept = [&](const std::string& ask, const std::string& file) {
    INFO(ask);
    const std::string changed = desk.read(file);
    const Run run = desk.generate("-p fox " + ask);
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK(run.err == "seedstory: " + file +
                         ": was changed since this story wrote it, and is not overwritten; move it away, or --force "
                         "makes the story again\n");
    CHECK((desk.read(file) == changed));
  };
  REQUIRE(desk.shell("sed -i 's/The fox/The vixen/;s/the fox/the vixen/' out/story.html").code == 0);
  expect_kept("-n 2 -o out", "out/story.html");
  REQUIRE(desk.shell("rm out/001.png").code == 0);
  expect_kept("-n 2 -o out", "out/story.html");
  CHECK(!fs::exists(desk / "out/001.png"));
  REQUIRE(desk.shell("mv out/story.html mine.html").code == 0);
  CHECK(desk.generate("-p fox -n 2 -o out").code == 0);
  desk.expect_equal_folders("whole", "out");
  REQUIRE(desk.shell("echo '<!-- mine -->' >>out/story.html").code == 0);
  expect_kept("-n 2 -o out", "out/story.html");
  CHECK(desk.generate("-p fox -n 2 -o out --force --sheet").code == 0);
  desk.expect_equal_folders("whole", "out");
  change_sheet("out/sheet.png");
  expect_kept("-n 2 -o out --sheet", "out/sheet.png");
  CHECK(desk.generate("-p fox -n 2 -o out").code == 0);  // which writes no sheet
  CHECK(desk.generate("-p fox -n 2 -o out --sheet --force").code == 0);
  desk.expect_equal_folders("whole", "out");
  REQUIRE(desk.generate("-p fox -n 2 -o out --sheet sheets/all.png").code == 0);
  change_sheet("sheets/all.png");
  expect_kept("-n 2 -o out --sheet sheets/all.png", "sheets/all.png");
}

TEST_CASE("What is in a frame's place and no file is said before anything else") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o whole").code == 0);
  for (const std::string name : {"001.png", "story.html", "story.json"}) {
    INFO(name);
    REQUIRE(desk.shell("rm -rf out; cp -r whole out; rm out/" + name + "; mkdir out/" + name).code == 0);
    const Run run = desk.generate("-p fox -o out");
    CHECK(run.code == 3);
    CHECK(run.err == "seedstory: out/" + name + ": is not a regular file\n");
    CHECK(run.out.empty());
    CHECK(desk.files("out") == desk.files("whole"));
  }
}

TEST_CASE("The place of a sheet behind a link is looked at before anything is painted") {
  const Workdir desk;
  REQUIRE(desk.shell("mkdir there; ln -s nowhere/s.png dangling.png; ln -s there/s.png new.png; ln -s dangling.png "
                     "twice.png; ln -s $PWD/gone/s.png absolute.png; ln -s nowhere/ folder.png")
              .code == 0);
  for (const std::string sheet : {"./dangling.png", "./twice.png", "./absolute.png", "./folder.png", "nowhere/s.png"})
    for (const std::string flag : {"--sheet ", "--trace ", "--log-file "}) {
      if (sheet == "./folder.png" && flag == "--log-file ") continue;  // open(2) itself takes it for a folder
      INFO(flag << sheet);
      const Run run = desk.generate("-p fox -o out " + flag + sheet);
      CHECK(run.code == 3);
      CHECK(run.err == "seedstory: " + sheet + ": cannot be written: no such folder\n");
      CHECK(run.out.empty());
      CHECK(!fs::exists(desk / "out"));
    }
  CHECK(desk.generate("-p fox -n 1 -o out --sheet ./new.png").code == 0);
  CHECK(fs::exists(desk / "there/s.png"));
  // A link in the story's own folder.
  REQUIRE(desk.shell("mkdir own; ln -s nowhere/s.png own/sheet.png").code == 0);
  const Run run = desk.generate("-p fox -o own --sheet");
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: own/sheet.png: cannot be written: no such folder\n");
}

TEST_CASE("A folder that the program names is numbered where another story has the name") {
  const Workdir desk;
  const auto prompt = [&](const std::string& folder) { return desk.json(folder + "/story.json")["request"]["prompt"]; };
  REQUIRE(desk.generate("-p 'A fox.'").code == 0);
  CHECK(desk.generate("-p 'A fox.' --steps 3").code == 0);
  CHECK(desk.json("story-a-fox-2/story.json")["request"]["steps"] == 3);
  CHECK(desk.generate("-p 'A fox.' -n 2").code == 0);
  CHECK(desk.json("story-a-fox-3/story.json")["frames"].size() == 2);
  CHECK_THAT(desk.generate("-p 'A fox.' --steps 3").err, Catch::Contains("story-a-fox-2 holds this story already"));
  CHECK(desk.generate("-p '狐'").code == 0);
  CHECK(desk.generate("-p '猫'").code == 0);
  CHECK(prompt("story") == "狐");
  CHECK(prompt("story-2") == "猫");
  for (const auto& [text, folder] :
       {std::pair("Un \u00e9t\u00e9 \u00e0 Paris.", "story-un-ete-a-paris"),
        {"Die Stra\u00dfe im Sch\u00f6nen \u0141\u00f3d\u017a", "story-die-strasse-im-schonen-lodz"},
        {"Ce\u0301line, l'\u0153uf", "story-celine-loeuf"},
        {"\u0411\u0435\u043b\u0430\u044f fox", "story-fox"}}) {
    CHECK(desk.generate("-n 1 -p " + quoted(text)).code == 0);
    CHECK(prompt(folder) == text);
  }
  REQUIRE(desk.shell("mkdir story-lantern; echo mine >story-lantern/001.png; echo mine >story-lantern-2").code == 0);
  CHECK(desk.generate("-p lantern").code == 0);
  CHECK(desk.read("story-lantern/001.png") == "mine\n");
  CHECK(prompt("story-lantern-3") == "lantern");
  // A story of which no frame came to be.
  auto story = desk.json("story-a-fox-2/story.json");
  story["frames"] = nlohmann::json::array();
  story["complete"] = false;
  REQUIRE(desk.shell("mkdir story-red").code == 0);
  desk.write("story-red/story.json", story.dump());
  CHECK(desk.generate("-p red").code == 0);
  CHECK(prompt("story-red-2") == "red");
}

TEST_CASE("More frames of a story go on behind those that are there, where the model tells the same") {
  const Workdir desk(uncounting_model());
  REQUIRE(desk.shell("seedstory generate --model model -p fox -n 5 -o whole").code == 0);
  REQUIRE(desk.shell("seedstory generate --model model -p fox -n 2 -o out").code == 0);
  const Run more = desk.shell("seedstory generate --model model -p fox -n 5 -o out");
  CHECK(more.code == 0);
  CHECK_THAT(more.err, Catch::Contains("frame 001 is there: out/001.png\nframe 002 -> out/002.png\n"));
  desk.expect_equal_folders("whole", "out");
  CHECK(desk.shell("seedstory generate --model model -p fox -n 3 -o out").code == 3);
}

TEST_CASE("More frames of a story that is told by how many are left is another story, and the error says so") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  REQUIRE(desk.shell("cp -r out before").code == 0);
  const Run run = desk.generate("-p fox -o out -n 5");
  CHECK(run.code == 3);
  CHECK(run.err ==
        "seedstory: out: holds another story (its frames differ, 3 there and 5 asked for; this model is told how many "
        "are "
        "left, and a longer story begins otherwise); --force replaces it, -o DIR goes elsewhere\n");
  desk.expect_equal_folders("before", "out");
}

TEST_CASE("More captions go on behind those that are painted") {
  const Workdir desk(uncounting_model());
  desk.write("two.json", R"(["the fox", "a lantern"])");
  desk.write("three.json", R"(["the fox", "a lantern", "snow"])");
  const std::string paint = "seedstory visualize --model model --captions ";
  REQUIRE(desk.shell(paint + "three.json -o whole").code == 0);
  REQUIRE(desk.shell(paint + "two.json -o out").code == 0);
  const Run more = desk.shell(paint + "three.json -o out");
  CHECK(more.code == 0);
  CHECK_THAT(more.err, Catch::Contains("frame 001 is there: out/001.png\nframe 002 -> out/002.png\n"));
  desk.expect_equal_folders("whole", "out");
}

TEST_CASE("Every place is looked at before anything is painted, and nothing is left half made") {
  const Workdir desk;
  desk.write("file", "in the way");
  const std::string longer(256, 'n');
  const std::string places[] = {"nowhere/x", "model", "file/x", "/proc/x", longer};
  for (const std::string& place : places) {
    const std::string path = place.find('/') == std::string::npos ? "./" + place : place;
    for (const char* flag : {"--sheet ", "--trace ", "--log-file "})
      expect_refused(desk, "-o a/b/out " + std::string(flag) + path, 3, path + ": cannot be written: ");
    if (place != "nowhere/x" && place != "model") expect_refused(desk, "-o " + path, 3, path + ": ");
  }
  expect_refused(desk, "-o a/b/out --sheet " + longer, 3, longer + ": cannot be written: File name too long");
  REQUIRE(desk.shell("mkdir t.json").code == 0);
  expect_refused(desk, "-o a/b/out --trace t", 3, "t.json: cannot be written: Is a directory");
  CHECK_FALSE(fs::exists(desk / "a"));
  CHECK_FALSE(fs::exists(desk / "t"));
  CHECK(desk.generate("-p fox -o a/out --device cuda:99").code == 4);
  CHECK_FALSE(fs::exists(desk / "a"));
  expect_refused(desk, "-o a/out --progress-fd 3 3<file", 2, "--progress-fd 3: is open for reading only");
  CHECK_FALSE(fs::exists(desk / "a"));
  // A name as long as a file may have.
  const std::string longest = "./" + std::string(255, 's');
  CHECK(desk.generate("-p fox -o out --sheet " + longest + " --trace " + std::string(250, 't')).code == 0);
  CHECK(fs::exists(desk / longest));
}

TEST_CASE("A stream that was closed is never another file's") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o whole --sheet").code == 0);
  REQUIRE(desk.generate("-p fox -o out --sheet 2>&-").code == 0);
  desk.expect_equal_folders("whole", "out");
  const Run run = desk.generate("-p fox -o closed --log-file log >&- 2>&-");
  CHECK(run.code == 1);
  CHECK_THAT(desk.read("log"), Catch::EndsWith("seedstory: standard output cannot be written: Bad file descriptor\n"));
  CHECK_THAT(desk.read("log"), !Catch::Contains(kSaid));
}

TEST_CASE("What a shell connected for writing is none of the inputs") {
  const Workdir desk;
  desk.write("start.png", encode_png({.width = 32, .height = 32, .rgb = std::vector<uint8_t>(32 * 32 * 3, 90)}));
  desk.write("prompt.txt", "The fox");
  const std::string picture = desk.read("start.png");
  expect_refused(desk, "-p fox -i start.png -o out --progress-fd 5 5<>start.png", 2,
                 "--progress-fd 5 and --image start.png: are one file");
  const Run appended = desk.generate("-f prompt.txt -o out >>prompt.txt");
  CHECK(appended.code == 2);
  CHECK(appended.err == "seedstory: standard output and --prompt-file prompt.txt: are one file\n");
  CHECK(desk.read("start.png") == picture);
  CHECK(desk.read("prompt.txt") == "The fox");
  CHECK_FALSE(fs::exists(desk / "out"));
}

TEST_CASE("A pipe in the place of a story's file is refused, and nobody waits for its other end") {
  const Workdir desk;
  for (const char* file : {"story.json", "000.png", "story.html"}) {
    INFO(file);
    REQUIRE(desk.shell(std::string("rm -rf d; mkdir d; mkfifo d/") + file).code == 0);
    const Run run = desk.shell("timeout 20 seedstory generate --model model -p fox -n 1 -o d");
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains(file));
  }
  REQUIRE(desk.shell("rm -rf d; mkdir d; mkfifo d/story.json").code == 0);
  CHECK(desk.shell("timeout 20 seedstory inspect d").code == 3);
}

TEST_CASE("A limit of file sizes ends a story with a message") {
  const Workdir desk;
  const Run run = desk.shell("ulimit -f 1; seedstory generate --model model -p fox -n 1 -o d");
  CHECK(run.code == 3);
  CHECK_THAT(run.err, Catch::Contains("File too large"));
}

TEST_CASE("What is read as a whole may be a pipe, and what is mapped may not: nothing waits for ever") {
  const Workdir desk;
  REQUIRE(desk.shell("mkfifo pipe; cp -r model other; rm other/model.json; mkfifo other/model.json").code == 0);
  const std::string mapped = ": is a pipe, expected a regular file";
  const std::string generate = "seedstory generate --model model -p fox -n 1 -o no ";
  struct {
    std::string line, message;
  } cases[] = {
      {"seedstory inspect pipe", "pipe" + mapped},
      {"seedstory plan --model other", "other/model.json" + mapped},
      {"seedstory inspect other", "other/model.json" + mapped},
      {"seedstory generate -p fox --model other", "other/model.json" + mapped},
      {generate + "--vae pipe", "pipe" + mapped},
      {generate + "--llm pipe", "pipe" + mapped},
      {"cat model/vae.safetensors >pipe & " + generate + "--vae pipe", "pipe" + mapped},
      {generate + "--tokenizer pipe", "pipe: "},
      {generate + "--vae /dev/zero", "/dev/zero: is a device, expected a regular file"},
      {generate + "-i pipe", "pipe: nobody writes into this pipe"},
      {generate + "--config pipe", "pipe: nobody writes into this pipe"},
      {"seedstory generate --model model -n 1 -o no -f pipe", "pipe: nobody writes into this pipe"},
      {"seedstory visualize --model model -o no --captions pipe", "pipe: nobody writes into this pipe"},
      {"seedstory visualize --model model -o no --captions pipe & exec 9>pipe; exec 9>&-; wait $!", "pipe: is empty"}};
  for (const auto& [line, message] : cases) {
    INFO(line);
    const Run run = desk.shell("ulimit -t 60; " + line);
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + message));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  // A writer may come late, and take its time.
  CHECK(desk.shell("(sleep 1; printf fox >pipe) & seedstory generate --model model -n 1 -o late -f pipe").code == 0);
  CHECK(desk.json("late/story.json")["request"]["prompt"] == "fox");
  if (!has(desk, "bash")) return;
  desk.write("start.png", encode_png({.width = 3, .height = 2, .rgb = std::vector<uint8_t>(18)}));
  desk.write("substitution",
             "seedstory generate --model model -n 1 -o slow -f <(sleep 3; printf fox) -i <(cat start.png) "
             "--config <(echo steps = 1)\n");
  const Run run = desk.shell("bash substitution");
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(desk.json("slow/story.json")["request"]["prompt"] == "fox");
  CHECK(desk.json("slow/story.json")["request"]["steps"] == 1);
}

TEST_CASE("A file that comes into the folder while its story is made is named and kept") {
  const Workdir desk;
  for (const std::string name : {"002.png", "story.html", "sheet.png"}) {
    const std::string file = "out/" + name;
    INFO(name);
    desk.shell("rm -rf out; " + meanwhile("out", "--sheet", "echo mine >" + file));
    CHECK(desk.read("out.code") == "3\n");
    CHECK(desk.read(file) == "mine\n");
    CHECK_THAT(desk.read("out.err"),
               Catch::Contains("seedstory: " + file + ": somebody else wrote this file meanwhile"));
    CHECK(desk.json("out/story.json")["frames"].size() == (name == "002.png" ? 2 : 3));
    CHECK(desk.json("out/story.json")["complete"] == (name == "sheet.png"));
    // Moved away, the story goes on from there.
    const Run again = desk.shell("mv " + file +
                                 " theirs; seedstory generate --model model -n 3 --steps 100 -p fox -o out "
                                 "--sheet");
    CHECK(again.code == 0);
    CHECK(desk.files("out").size() == 6);
    CHECK_THAT(again.err, Catch::Contains(name == "sheet.png" ? "nothing is computed" : "is there: "));
  }
}

TEST_CASE("Two runs with one --trace or --sheet are not one of them in silence") {
  const Workdir desk;
  // The second time the file was there before both.
  for (const auto& [flags, file] : {std::pair("--trace t", "t"), std::pair("--trace t", "t"),
                                    std::pair("--sheet ./s.png", "./s.png"), std::pair("--sheet ./s.png", "./s.png")}) {
    INFO(flags);
    const std::string other =
        std::string("seedstory generate --model model -n 1 -p fox -q --force -o b ") + flags + " >words";
    desk.shell("rm -rf a b; " + meanwhile("a", std::string("--force ") + flags, other));
    CHECK(desk.json("b/story.json")["complete"] == true);
    CHECK(desk.read("a.code") == "3\n");
    CHECK_THAT(desk.read("a.err"), Catch::EndsWith(std::string("seedstory: ") + file +
                                                   ": somebody else wrote this file meanwhile; it is left as it is\n"));
    CHECK(desk.json("a/story.json")["complete"] == true);
  }
}

TEST_CASE("A folder that is moved or removed while its story is made is noticed at the next frame") {
  const Workdir desk;
  for (const std::string away : {"mv out gone; mkdir out", "mv out gone", "rm -rf out"}) {
    INFO(away);
    desk.shell("rm -rf out gone; " + meanwhile("out", "", away));
    CHECK(desk.read("out.code") == "3\n");
    CHECK_THAT(desk.read("out.err"),
               Catch::EndsWith("seedstory: out: the folder was moved or removed while its story was made\n"));
    CHECK_THAT(desk.read("out.err"), !Catch::Contains("frame 001"));
    CHECK(desk.shell("ls out 2>/dev/null | wc -l").out == "0\n");
  }
}

TEST_CASE("An output folder that is a link to nowhere is named as that") {
  const Workdir desk;
  REQUIRE(desk.shell("ln -s nowhere out").code == 0);
  expect_refused(desk, "-o out", 3, "out: is a link to nowhere, which is not there");
  expect_refused(desk, "-o out/in/it", 3, "out: is a link to nowhere, which is not there");
}

TEST_CASE("A story whose story.json is damaged is replaced with --force, as the message says") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' -o whole").code == 0);
  for (const char* damage : {": >out/story.json", "head -c 300 whole/story.json >out/story.json"}) {
    INFO(damage);
    REQUIRE(desk.shell("rm -rf out; cp -r whole out; echo mine >out/2024.png; " + std::string(damage)).code == 0);
    expect_refused(desk, "-o out", 3,
                   "out: holds another story (whose story.json cannot be read); --force replaces it, -o DIR goes");
    CHECK(desk.generate("-p fox -n 1 -o out --force").code == 0);
    CHECK(desk.files("out") == std::vector<std::string>{"000.png", "2024.png", "story.html", "story.json"});
  }
}

TEST_CASE("A story of before there were digests is still this story") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o whole").code == 0);
  auto story = desk.json("whole/story.json");
  story.erase("page");
  for (auto& frame : story["frames"]) frame.erase("crc32"), frame.erase("bytes");
  REQUIRE(desk.shell("cp -r whole out").code == 0);
  desk.write("out/story.json", story.dump(1) + "\n");
  CHECK_THAT(desk.generate("-p fox -o out").err, Catch::Contains("nothing is computed") && !Catch::Contains("written"));
  REQUIRE(desk.shell(": >out/001.png").code == 0);
  CHECK_THAT(desk.generate("-p fox -o out").err, Catch::Contains("out/001.png is damaged"));
  desk.expect_equal_folders("whole", "out");
}

TEST_CASE("A finished story's sheet is made again with --force") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out --sheet").code == 0);
  const std::string sheet = desk.read("out/sheet.png");
  const Run run = desk.generate("-p fox -o out --sheet --force");
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(desk.read("out/sheet.png") == sheet);
}
