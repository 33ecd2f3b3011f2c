// inspect: models, weight files, frames, stories, and the command that makes a frame again.
#include "cli/command_line.h"
#include "io/image.h"
#include "program.h"

using namespace seedstory;

TEST_CASE("inspect says what a model is made of") {
  const Workdir desk;
  Run run = desk.shell("seedstory inspect model");
  CHECK(run.code == 0);
  for (const char* line :
       {"tiny (seedstory layout)\n", "licence        Apache-2.0\n", "training data  none: random weights\n",
        "defaults       policy window, window 3, 2 steps, cfg scale 2, 32x32, temp 0\n", "9 words of its world\n",
        "\nunet "})
    CHECK_THAT(run.out, Catch::Contains(line));
  CHECK(desk.shell("seedstory inspect model/model.json").out == run.out);

  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect model --json").out);
  CHECK(json["model"] == "tiny");
  CHECK(json["licence"] == "Apache-2.0");
  CHECK(json["parts"]["llm"]["types"]["f32"] == json["parts"]["llm"]["tensors"]);
  int64_t parameters = 0;
  for (const auto& part : json["parts"]) parameters += part["parameters"].get<int64_t>();
  CHECK(json["total"]["parameters"] == parameters);

  desk.shell("sed -i 's/\"policy\": \"window\"/&, \"temp\": 0.5, \"top_p\": 0.9/' model/model.json");
  CHECK_THAT(desk.shell("seedstory inspect model").out, Catch::Contains("temp 0.5, top k 40, top p 0.9, min p 0.05\n"));
}

TEST_CASE("inspect lists a weight file's tensors") {
  const Workdir desk;
  const Run run = desk.shell("seedstory inspect model/vae.safetensors");
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Catch::Contains("f32            32           [8, 16, 3, 3]") ||
                          Catch::Contains("f32            32           [16, 16, 3, 3]"));
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect model/vae.safetensors --json").out);
  CHECK(json["tensors"] == json["list"].size());
  int64_t parameters = 0;
  for (const auto& tensor : json["list"]) {
    int64_t numel = 1;
    for (const int64_t n : tensor["shape"]) numel *= n;
    parameters += numel;
  }
  CHECK(json["parameters"] == parameters);
  CHECK(json["bytes"] == 4 * parameters);
}

TEST_CASE("inspect lists and counts tensors that cannot be weights") {
  const Workdir desk;
  const auto file = [](std::string header, size_t bytes) {
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(bytes, '\0');
  };
  desk.write("f8.safetensors", file(R"({"w":{"dtype":"F8_E4M3","shape":[2,3],"data_offsets":[0,6]},)"
                                    R"("b":{"dtype":"F32","shape":[2],"data_offsets":[6,14]}})",
                                    14));
  const Run run = desk.shell("seedstory inspect f8.safetensors");
  CHECK(run.code == 0);
  CHECK(run.out ==
        "type         bits rms error shape                tensor\n"
        "f32            32           [2]                  b\n"
        "F8_E4M3                     [2, 3]               w\n"
        "2 tensors, 8 parameters, 14 bytes\n"
        "1 of them cannot be weights, which are f32, f16, bf16 or i8 with scales, of at most 5 axes\n");
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect --json f8.safetensors").out);
  CHECK(json["tensors"] == 2);
  CHECK(json["unread"] == 1);
  CHECK(json["types"] == nlohmann::json{{"F8_E4M3", 1}, {"f32", 1}});
  CHECK(json["list"][1] == nlohmann::json{{"name", "w"}, {"type", "F8_E4M3"}, {"shape", {2, 3}}, {"unread", true}});
}

TEST_CASE("inspect reads torch files, and refuses one that runs code") {
  const Workdir desk;
  const std::string lora = quoted(std::string(SEEDSTORY_SOURCE_DIR) + "/tests/data/reference/lora_rank3.bin");
  const Run run = desk.shell("seedstory inspect " + lora);
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Catch::Contains("lora_A"));
}

TEST_CASE("The command inside a frame and a story makes the same bytes") {
  const Workdir desk(random_model());
  Image start{.width = 9, .height = 7, .rgb = std::vector<uint8_t>(9 * 7 * 3, 90)};
  start.rgb[5] = 17;
  desk.write("start.png", encode_png(start));
  desk.write("captions.json", R"(["it's \"a\" fox\n", "END", "the lantern"])");
  const std::string lines[] = {
      "seedstory generate --model model --max-tokens 20 -n 3 -p \"it's a 'fox'\" --steps 3 --cfg-scale 1.7 -s 9 "
      "--sampling-method dpm++2m --scheduler karras "
      "--seed-per-frame --rng torch-cpu --policy mm_sink --window 2 -W 48 -H 16 --temp 0.7 --top-p 0.9 "
      "--repeat-penalty 1.1",
      "seedstory generate --model model --max-tokens 20 -n 1 -p fox --top-k 5 --policy dense",
      "seedstory generate --model model --max-tokens 20 -n 2 -p 'The fox' -i start.png",
      "seedstory visualize --model model --captions captions.json --policy dense",
      "seedstory visualize --model model --captions captions.json -i start.png -n 1",
      "seedstory generate --model model --vae model/vae.safetensors --max-tokens 20 -n 1 -p fox",
  };
  std::vector<std::string> shells = {"sh"};
  for (const char* shell : {"bash", "zsh", "fish"}) shells.push_back(has(desk, shell) ? shell : "sh");
  REQUIRE(desk.shell("mkdir -p config/seedstory").code == 0);
  size_t run = 0;
  for (const std::string& line : lines) {
    INFO(line);
    REQUIRE(desk.shell("rm -rf out again config/seedstory/*; " + line + " -o out").code == 0);
    const Run command =
        desk.shell("seedstory inspect --command out/001.png || seedstory inspect --command out/000.png");
    desk.write("again.sh", command.out);
    // Neither a variable nor the configuration file may change what is told.
    desk.write("config/seedstory/config.toml", "steps = 5\ntemp = 1.5\nrepeat-penalty = 2\nmodel = 'nowhere'\n");
    const Run again = desk.shell(
        "export SEEDSTORY_SEED_PER_FRAME=1 SEEDSTORY_TEMP=2 SEEDSTORY_TOP_K=2 SEEDSTORY_SHEET=all.png "
        "SEEDSTORY_VAE=/x SEEDSTORY_TOKENIZER=/x SEEDSTORY_HF_REPO=me/none SEEDSTORY_CPU=amx SEEDSTORY_ORDER=none; " +
        shells[++run % 4] + " again.sh");
    INFO(command.out << again.err);
    CHECK(again.code == 0);
    CHECK_THAT(again.err, !Catch::Contains("--t"));  // the command is not one that the program warns of
    desk.expect_equal_folders("out", "again");
    // The next one goes elsewhere, and says so.
    CHECK(desk.shell("seedstory inspect --command out").out == command.out.substr(0, command.out.size() - 1) + "-2\n");
    CHECK_THAT(desk.shell("seedstory inspect out").out, Catch::Contains("the same bytes, in again-2/:\n"));
    CHECK_THAT(desk.shell("seedstory inspect --command out/story.json").out, Catch::EndsWith("-o again-2\n"));
  }
}

TEST_CASE("A quoted word arrives byte for byte in sh, bash, zsh and fish") {
  std::string all;
  for (int c = 1; c < 256; ++c) all += char(c);
  const std::vector<std::string> texts = {"",
                                          "fox",
                                          "the fox's \"red\" lantern",
                                          "'; echo PWNED #",
                                          "\\'; echo PWNED; echo \\'",
                                          "$(echo PWNED) `echo PWNED` $HOME ${HOME} (echo PWNED)",
                                          "a\nb\n\n",
                                          "\n",
                                          "trailing \\",
                                          "\\",
                                          "\\\\n \\x41 %s %d %",
                                          "!history !! !$",
                                          "-n",
                                          "--force",
                                          "~",
                                          "~/fox",
                                          "=ls",
                                          "%self",
                                          "a=~",
                                          "* ? [a] {a,b} a{1..3}",
                                          "& | ; < > ^ # \t",
                                          "''",
                                          "\x1b[2J\r\x7f\x1b[201~",
                                          "caf\u00e9 \u201cquoted\u201d \u00a0 \u0085 \u009b31m \u202e evil \U0001F98A",
                                          "caf\xe9",
                                          "\xff\xfe",
                                          "-n\x1b-",
                                          "\x1b",
                                          "\x1b\n\n",
                                          all,
                                          std::string(5000, '\''),
                                          "end",
                                          "and"};
  const Workdir desk;
  std::string line = "env printf '%s|'", expected;
  for (const std::string& text : texts) {
    line += " " + shell_quote(text);
    expected += text + "|";
  }
  for (const char c : line) CHECK((uint8_t(c) >= 0x20 || c == '\n'));  // harmless to paste
  desk.write("words", line + "\n");
  desk.write("history", "set -o history -H\n" + line + "\n");
  desk.write("rcquotes", "setopt rc_quotes extended_glob magic_equal_subst\n" + line + "\n");
  for (const char* shell : {"sh words", "bash words", "bash history", "zsh words", "zsh rcquotes", "fish words"}) {
    if (!has(desk, std::string(shell).substr(0, std::string(shell).find(' ')))) continue;
    INFO(shell);
    const Run run = desk.shell("export LC_ALL=C.UTF-8; " + std::string(shell));
    CHECK(run.err == "");
    CHECK(run.code == 0);
    CHECK((run.out == expected));
  }
}

TEST_CASE("A stranger's frame prints a command that only tells its story") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -n 1 -o out").code == 0);
  const nlohmann::ordered_json honest = nlohmann::ordered_json::parse(desk.read("out/story.json"));
  // What lies in a frame, and what of it is said.
  const auto inspect = [&](const nlohmann::ordered_json& story) {
    desk.write("frame.png", encode_png({.width = 1, .height = 1, .rgb = {1, 2, 3}}, {{"seedstory", story.dump()}}));
    return desk.shell("seedstory inspect --command frame.png");
  };
  nlohmann::ordered_json story = honest;
  story["frame"] = honest["frames"][0];
  for (const char* flag : {"--trace", "--force", "-o=", "-o", "--output", "--log-file", "--config", "; touch ran"}) {
    INFO(flag);
    story["model"]["flags"] = {{"--model", "model"}, {flag, "victim"}};
    const Run run = inspect(story);
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Catch::Contains(flag));
  }
  story["model"]["flags"] = {{"--model", "--force"}};
  CHECK_THAT(inspect(story).out, Catch::Contains(" --model=--force "));
  story["command"] = "completion";
  CHECK(inspect(story).code == 3);
  story["command"] = "generate";
  story["request"]["prompt"] = "\\'; touch ran; echo \\'";
  story["model"]["flags"] = {{"--model", "model"}};
  const Run run = inspect(story);
  REQUIRE(run.code == 0);
  desk.write("again.sh", run.out);
  for (const char* shell : {"sh", "bash", "zsh", "fish"}) {
    if (!has(desk, shell)) continue;
    INFO(shell);
    CHECK(desk.shell("rm -rf again; " + std::string(shell) + " again.sh").code == 0);
    CHECK_FALSE(std::filesystem::exists(desk / "ran"));
    CHECK(desk.json("again/story.json")["request"]["prompt"] == story["request"]["prompt"]);
  }
  CHECK_THAT(run.out, !Catch::Contains("--kernels"));
  CHECK_THAT(run.out, !Catch::Contains("--products"));
  story["request"]["products"] = "f32";
  CHECK_THAT(inspect(story).out, Catch::Contains(" --device cpu --products f32 "));
  story["request"].erase("products");
  CHECK_THAT(run.out, !Catch::Contains("--cache-type"));
  story["request"]["cache_type_k"] = "f16", story["request"]["cache_type_v"] = "bf16";
  CHECK_THAT(inspect(story).out, Catch::Contains(" --device cpu --cache-type-k f16 --cache-type-v bf16 "));
  story["request"].erase("cache_type_k"), story["request"].erase("cache_type_v");
  story["request"]["backend"] = "cuda", story["request"]["kernels"] = "library";
  CHECK_THAT(inspect(story).out, Catch::Contains(" --device cuda --kernels library "));
  story["model"]["flags"] = nlohmann::ordered_json::object();
  CHECK_THAT(inspect(story).out, Catch::Contains("weights/nano") || Catch::Contains("share/seedstory/nano"));
}

TEST_CASE("inspect tells a person and a program what a frame is") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' -s 5 -o out").code == 0);
  const Run run = desk.shell("seedstory inspect out/001.png");
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Catch::StartsWith("out/001.png: frame 1 of a story\n") && Catch::Contains("\nseed       5\n") &&
                          Catch::Contains("seedstory generate --prompt 'The fox' --frames 3 --seed 5 "));
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect out/001.png --json").out);
  CHECK(json["story"]["frame"]["index"] == 1);
  CHECK_THAT(json["remake"].get<std::string>(), Catch::StartsWith("seedstory generate "));
  const Run story = desk.shell("seedstory inspect out");
  CHECK_THAT(story.out, Catch::StartsWith("out: a story, 3 frames\n") && Catch::Contains("\n002.png    "));
}

TEST_CASE("inspect of a contact sheet says of which story it is") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox.' --seed 7 -o out --sheet").code == 0);
  const Run run = desk.shell("seedstory inspect out/sheet.png");
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  CHECK_THAT(run.out,
             Catch::StartsWith("out/sheet.png: the contact sheet of a story\ntext       The fox.\nseed       7\n"
                               "made by    seedstory 0.1.0, generate, model tiny\n"));
  const std::string command = desk.shell("seedstory inspect --command out/sheet.png").out;
  CHECK(command == desk.shell("seedstory inspect --command out").out);
  CHECK_THAT(run.out, Catch::EndsWith("\nThe same story again, the same frames, in again/:\n\n" + command));
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect --json out/sheet.png").out);
  CHECK(json["story"]["request"]["prompt"] == "The fox.");
  CHECK(json["remake"].get<std::string>() + "\n" == command);
  desk.write("captions.json", R"(["The first.", "The last."])");
  REQUIRE(desk.shell("seedstory visualize --model model --captions captions.json --sheet ./two.png -o two").code == 0);
  CHECK_THAT(desk.shell("seedstory inspect two.png").out, Catch::Contains("\ntext       The first.\n"));
  // A stranger's word for it.
  for (const char* mark : {R"({"seedstory": 1})", "junk", R"({"seedstory": 1, "request": {"captions": []}})"}) {
    INFO(mark);
    desk.write("other.png", encode_png({.width = 1, .height = 1, .rgb = {1, 2, 3}}, {{"seedstory-sheet", mark}}));
    const Run other = desk.shell("seedstory inspect other.png");
    CHECK(other.code == 3);
    CHECK_THAT(other.err, Catch::StartsWith("seedstory: "));
    CHECK(std::count(other.err.begin(), other.err.end(), '\n') == 1);
  }
}

TEST_CASE("inspect says what the command of a frame that was moved would miss") {
  const Workdir desk;
  desk.write("start.png", encode_png({.width = 3, .height = 2, .rgb = std::vector<uint8_t>(18)}));
  REQUIRE(desk.generate("-p fox -n 1 -i start.png -o out && mkdir far && cp out/001.png far").code == 0);
  CHECK(desk.shell("seedstory inspect out/001.png").err.empty());
  CHECK(desk.shell("seedstory inspect far/001.png").err == "far/000.png: is not there; the command starts from it\n");
  CHECK(desk.shell("cd far; seedstory inspect --command 001.png").err ==
        "000.png: is not there; the command starts from it\n--model model: is not here; the story was told with it\n");
}

TEST_CASE("inspect of a picture without a story, and of what it cannot read") {
  const Workdir desk;
  desk.write("plain.png", encode_png({.width = 3, .height = 2, .rgb = std::vector<uint8_t>(18)}));
  desk.write("junk", "not a weight file");
  desk.write("hostile.png",
             encode_png({.width = 1, .height = 1, .rgb = {1, 2, 3}}, {{"seedstory", R"({"seedstory": 1})"}}));
  desk.write("other.json", "{}");
  const Run plain = desk.shell("seedstory inspect plain.png");
  CHECK(plain.code == 0);
  for (const char* name : {"empty.png", "empty.json", "empty.safetensors", "empty"}) {
    desk.write(name, "");
    for (const char* flag : {"", " --json", " --command"}) {
      const Run empty = desk.shell("seedstory inspect " + std::string(name) + flag);
      CHECK(empty.code == 3);
      CHECK(empty.out.empty());
      CHECK(empty.err == "seedstory: " + std::string(name) + ": is empty\n");
    }
  }
  CHECK(plain.out == "plain.png: PNG, 3x2 pixels, no story data\ngenerate --image makes a 000.png of 3x2 pixels\n");
  struct {
    const char *path, *message;
  } cases[] = {
      {"plain.png --command", "plain.png: holds no story data"},
      {"nowhere", "nowhere: no such file"},
      {"junk", "junk"},
      {"hostile.png", "this is not the whole of a story's data"},
      {"other.json", "other.json: is not a story of this program"},
      {"model --command", "model: holds no story data"},
      {".", ".: holds neither a model (model.json) nor a story (story.json)"},
      {"page/story.html", "page/story.html: is a page to be read in a browser; the story is in page/story.json"},
      {"far.html", "far.html: is a page to be read in a browser\n"},
      {"pipe", "pipe: is a pipe, expected a regular file"},
      {"/dev/zero", "/dev/zero: is a device, expected a regular file"}};
  REQUIRE(desk.shell("mkfifo pipe; mkdir page; echo '<html>' | tee far.html >page/story.html; echo {} >page/story.json")
              .code == 0);
  for (const auto& [path, message] : cases) {
    INFO(path);
    const Run run = desk.shell("seedstory inspect " + std::string(path));
    CHECK(run.code == 3);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: ") && Catch::Contains(message));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
}
