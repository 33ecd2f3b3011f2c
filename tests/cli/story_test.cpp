// A story told by the program: what is on which stream, what is in the folder, what a second run does.
#include <fmt/format.h>

#include <algorithm>

#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    out.push_back(text.substr(begin, end - begin));
  return out;
}

std::string told(const nlohmann::json& story) {
  std::string text;
  for (size_t i = 0; i < story["frames"].size(); ++i)
    text += (i > 0 ? "\n" : "") + story["frames"][i]["text"].get<std::string>() + "\n";
  return text;
}

Image picture(int width, int height) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int i = 0; i < width * height * 3; ++i) image.rgb.push_back(uint8_t(i * 37));
  return image;
}

std::string chunk(const Workdir& desk, const std::string& png, const std::string& key) {
  for (const auto& [name, text] : read_png_text(desk / png))
    if (name == key) return text;
  return "";
}

}  // namespace

TEST_CASE("doctor and -v say to what --type auto came, and why") {
  const Workdir desk;
  const Run run = desk.generate("-p fox -o chosen -v");
  const auto type = desk.json("chosen/story.json")["request"]["type"].get<std::string>();
  const std::string why =
      type == "f32" ? "the CPU multiplies no faster in 16 bits" : "the CPU multiplies fastest in it";
  CHECK_THAT(run.err, Catch::Contains(fmt::format("--type auto is {}: {}\n", type, why)));
  CHECK_THAT(desk.shell("seedstory doctor -m model").out,
             Catch::Contains(fmt::format("{} by --type auto: {}\n", type, why)));
  CHECK_THAT(desk.generate("-p fox -o asked -v --type f32").err, !Catch::Contains("--type auto"));
  REQUIRE(desk.shell("seedstory quantize " + quoted(std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano") +
                     " -o q4 --type q4")
              .code == 0);
  CHECK_THAT(desk.shell("seedstory doctor -m q4").out, Catch::Contains("q4 by --type auto: the model is held in it\n"));
}

TEST_CASE("stdout is the story, stderr one line a frame, the folder the book") {
  const Workdir desk;
  const Run run = desk.generate("-p 'A little fox finds a red lantern in the snow.' -o out");
  REQUIRE(run.code == 0);
  const auto story = desk.json("out/story.json");
  const std::string said = kSaid;
  CHECK(run.out == said + "\n\n" + said + "\n\n" + said + "\n");
  CHECK(run.out == told(story));
  CHECK(desk.files("out") == std::vector<std::string>{"000.png", "001.png", "002.png", "story.html", "story.json"});
  const auto log = lines(run.err);
  REQUIRE(log.size() == 5);
  CHECK_THAT(log[0], Catch::StartsWith("tiny on cpu (") && Catch::EndsWith("seed 42, 3 frames of 32x32, 2 steps"));
  CHECK(log[1] == "frame 000 -> out/000.png");
  CHECK(log[3] == "frame 002 -> out/002.png");
  CHECK(log[4] == "story -> out/story.html");

  CHECK(story["complete"] == true);
  CHECK(story["request"]["prompt"] == "A little fox finds a red lantern in the snow.");
  for (size_t i = 0; i < 3; ++i) {
    CHECK(story["frames"][i]["index"] == i);
    CHECK(story["frames"][i]["seed"] == 42);
    const Image frame = read_image(desk / ("out/" + story["frames"][i]["file"].get<std::string>()));
    CHECK(frame.width == 32);
    CHECK(frame.height == 32);
  }
}

TEST_CASE("The words are out before their picture is painted") {
  const Workdir desk;
  const Run run = desk.generate("-p 'The fox' -o out 2>&1");
  const std::string first = desk.json("out/story.json")["frames"][0]["text"];
  REQUIRE_FALSE(first.empty());
  CHECK(run.out.find(first) < run.out.find("frame 000 ->"));
  CHECK(run.out.find("frame 000 ->") < run.out.find("frame 001 ->"));
}

TEST_CASE("Quiet, verbose and coloured: only stderr changes") {
  const Workdir desk;
  const Run plain = desk.generate("-p fox -o a"), quiet = desk.generate("-p fox -q -o b"),
            verbose = desk.generate("-p fox -v -o c"), colored = desk.generate("-p fox --color on -o d");
  CHECK(quiet.err.empty());
  CHECK_THAT(verbose.err, Catch::Contains("model loaded"));
  CHECK_THAT(colored.err, Catch::Contains("\x1b["));
  CHECK_THAT(plain.err, !Catch::Contains("\x1b["));
  CHECK_THAT(plain.err, !Catch::Contains("\r"));  // the live line is for terminals
  CHECK(quiet.out == plain.out);
  CHECK(verbose.out == plain.out);
  CHECK(colored.out == plain.out);
  for (const char* folder : {"b", "c", "d"}) desk.expect_equal_folders("a", folder);
}

TEST_CASE("With --json stdout is one object a frame, also for a story that is there already") {
  const Workdir desk;
  const Run run = desk.generate("-p fox --json -o out");
  const auto printed = lines(run.out);
  REQUIRE(printed.size() == 3);
  const auto frame = nlohmann::json::parse(printed[2]);
  CHECK(frame["frame"] == 2);
  CHECK(frame["file"] == "out/002.png");
  CHECK(frame["seed"] == 42);
  CHECK(frame["text"] == desk.json("out/story.json")["frames"][2]["text"]);
  CHECK(desk.generate("-p fox --json -o out").out == run.out);
}

TEST_CASE("Equal runs are equal bytes: threads, instructions, order and again") {
  const Workdir desk(random_model());
  const std::string ask = "-p 'The red fox' --max-tokens 16 --temp 0.8 -o ";
  REQUIRE(desk.generate(ask + "a").code == 0);
  CHECK(desk.generate(ask + "again").code == 0);
  CHECK(desk.generate(ask + "threads --threads 2").code == 0);
  CHECK(desk.generate(ask + "text-first --order text-first").code == 0);
  for (const char* folder : {"again", "threads", "text-first"}) {
    INFO(folder);
    desk.expect_equal_folders("a", folder);
  }
  // In bf16 the instructions decide how numbers are rounded.
  CHECK(desk.generate(ask + "f32 --type f32").code == 0);
  CHECK(desk.generate(ask + "portable --type f32 --cpu portable").code == 0);
  desk.expect_equal_folders("f32", "portable");
}

TEST_CASE("With --order text-first everything is told before it is painted") {
  const Workdir desk;
  const Run run = desk.generate("-p fox --order text-first -o out 2>&1");
  const std::string last = desk.json("out/story.json")["frames"][2]["text"];
  REQUIRE_FALSE(last.empty());
  CHECK(run.out.rfind(last) < run.out.find("frame 000 ->"));
}

TEST_CASE("Each flag of the pictures and of the words has its effect") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o base").code == 0);
  const Image base = read_image(desk / "base/001.png");
  for (const char* flag : {"--seed 7", "--seed-per-frame", "--steps 3", "--cfg-scale 5", "--guidance-scale 5",
                           "--num-inference-steps 3", "--rng torch-cpu", "--sampling-method dpm++2m",
                           "--sampling-method dpm++2m --scheduler karras", "--steps 3 --scheduler karras"}) {
    INFO(flag);
    const Run run = desk.generate("-p fox --force -o out " + std::string(flag));
    REQUIRE(run.code == 0);
    CHECK(read_image(desk / "out/001.png").rgb != base.rgb);
    CHECK(desk.json("out/story.json")["frames"][1]["text"] == desk.json("base/story.json")["frames"][1]["text"]);
  }
  REQUIRE(desk.generate("-p fox -W 48 -H 16 -o size").code == 0);
  CHECK(read_image(desk / "size/000.png").width == 48);
  CHECK(read_image(desk / "size/000.png").height == 16);

  REQUIRE(desk.generate("-p fox --seed-per-frame -o per").code == 0);
  CHECK(read_image(desk / "per/000.png").rgb == read_image(desk / "base/000.png").rgb);
  CHECK(desk.json("per/story.json")["frames"][2]["seed"] == 44);
}

TEST_CASE("Each flag of the words has its effect") {
  const Workdir desk(random_model());
  const std::string words = desk.generate("-p fox --max-tokens 16 -o out").out;
  for (const char* flag : {"--temp 5 --top-k 0 --top-p 1 --min-p 0", "--repeat-penalty 9", "--max-tokens 30",
                           "--policy mm_sink --window 1"}) {
    INFO(flag);
    const Run run = desk.generate("-p fox --max-tokens 16 --force -o out " + std::string(flag));
    CHECK(run.code == 0);
    CHECK(run.out != words);
    CHECK_THAT(run.err, Catch::Contains("(--max-tokens)"));  // random weights end nowhere
  }
}

TEST_CASE("A model whose words are drawn tells another story from another seed") {
  const Workdir desk(random_model());
  desk.shell(
      "sed -i 's/\"policy\": \"window\"/&, \"temp\": 5, \"top_k\": 0, \"top_p\": 1, \"min_p\": 0/' model/model.json");
  const std::string ask = "-p fox --max-tokens 16 --force -o ";
  const std::string drawn = desk.generate(ask + "a").out;
  CHECK(desk.json("a/story.json")["request"]["sampling"] ==
        nlohmann::json({{"temp", 5.0}, {"top_k", 0}, {"top_p", 1.0}, {"min_p", 0.0}, {"repeat_penalty", 1.0}}));
  CHECK(desk.generate(ask + "again").out == drawn);
  desk.expect_equal_folders("a", "again");
  CHECK(desk.generate(ask + "other -s 7").out != drawn);

  // --temp 0 is asked for by name, in the flags and in the command that makes the story again.
  const std::string greedy = desk.generate(ask + "greedy --temp 0").out;
  CHECK(greedy != drawn);
  CHECK(desk.generate(ask + "greedy7 --temp 0 -s 7").out == greedy);
  desk.write("again.sh", desk.shell("rm -rf again; seedstory inspect --command greedy").out);
  CHECK(desk.shell("bash again.sh").code == 0);
  desk.expect_equal_folders("greedy", "again");
}

TEST_CASE("A --top-k at --temp 0 is told to change nothing") {
  const Workdir desk;
  CHECK_THAT(desk.generate("-p fox --top-k 3 -q -o out").err,
             Catch::Contains("change nothing at --temp 0: decoding is greedy"));
}

TEST_CASE("A seed of -1 is drawn, printed and stored") {
  const Workdir desk;
  const Run run = desk.generate("-p fox -s -1 -o out");
  REQUIRE(run.code == 0);
  const uint64_t seed = desk.json("out/story.json")["request"]["seed"];
  CHECK_THAT(run.err, Catch::Contains("seed " + std::to_string(seed) + ","));
  CHECK(desk.generate("-p fox -s -1 -o other").code == 0);
  CHECK(desk.json("other/story.json")["request"]["seed"] != seed);
  CHECK(desk.generate("-p fox -s " + std::to_string(seed) + " -o same").code == 0);
  desk.expect_equal_folders("out", "same");
}

TEST_CASE("A user's picture becomes 000.png, and N more follow") {
  const Workdir desk;
  const Image start = picture(50, 20);
  desk.write("start.png", encode_png(start));
  const Run run = desk.generate("-p 'The fox' --image start.png -o out");
  REQUIRE(run.code == 0);
  const auto story = desk.json("out/story.json");
  CHECK(story["frames"].size() == 4);
  CHECK(story["frames"][0]["text"] == "The fox");
  CHECK(run.out == told(story));
  const Run json = desk.generate("-p 'The fox' --image start.png -o json --json");
  CHECK(lines(json.out).size() == 4);
  const Image copy = read_image(desk / "out/000.png");
  CHECK(copy.width == 50);
  CHECK(copy.height == 20);
  CHECK(copy.rgb == start.rgb);
  CHECK(chunk(desk, "out/000.png", "parameters").empty());  // nothing here was drawn with them
  CHECK(nlohmann::json::parse(chunk(desk, "out/000.png", "seedstory"))["frame"]["start"] == true);

  CHECK(desk.generate("-p 'The fox' --image start.png --order text-first --threads 2 -o again").code == 0);
  desk.expect_equal_folders("out", "again");
  CHECK(desk.generate("-p 'The fox' --image start.png -o out").out == run.out);
}

TEST_CASE("What the start picture shows changes the story") {
  const Workdir desk(random_model());
  desk.write("wide.png", encode_png(picture(50, 20)));
  desk.write("tall.png", encode_png(picture(20, 50)));
  for (const char* name : {"wide", "tall"})
    CHECK(desk.generate(std::string("-p fox --max-tokens 16 -n 1 -i ") + name + ".png -o " + name).code == 0);
  CHECK(read_image(desk / "wide/001.png").rgb != read_image(desk / "tall/001.png").rgb);
}

TEST_CASE("visualize paints a caption a frame, and the first belongs to a start picture") {
  const Workdir desk;
  desk.write("captions.json", R"(["the fox", "the \"red\" fox <img>", "a lantern"])");
  desk.write("start.png", encode_png(picture(32, 32)));
  Run run = desk.shell("seedstory visualize --model model --captions captions.json -o all");
  REQUIRE(run.code == 0);
  CHECK(run.out == "the fox\n\nthe \"red\" fox <img>\n\na lantern\n");
  CHECK(desk.files("all") == std::vector<std::string>{"000.png", "001.png", "002.png", "story.html", "story.json"});

  run = desk.shell("seedstory visualize --model model --captions - -i start.png -o start <captions.json");
  REQUIRE(run.code == 0);
  CHECK(run.out == "the fox\n\nthe \"red\" fox <img>\n\na lantern\n");
  CHECK(desk.files("start").size() == 5);
  CHECK(read_image(desk / "start/000.png").rgb == picture(32, 32).rgb);

  run = desk.shell("seedstory visualize --model model --captions captions.json -n 2 -o two");
  CHECK(desk.json("two/story.json")["frames"].size() == 2);
}

TEST_CASE("A text file of many lines and no blank one is one page, and that is said") {
  const Workdir desk;
  const std::string visualize = "seedstory visualize --model model --captions ";
  const std::string said = "lines.txt: its 3 lines are one page; a blank line ends a page\n";
  desk.write("lines.txt", "The fox.\nThe lantern.\nThe end.\n");
  desk.write("pages.txt", "The fox,\nagain.\n\nThe end.\n");
  desk.write("line.txt", "\nThe fox.\n\n");
  desk.write("one.json", "[\n\"The fox.\"\n]\n");
  desk.write("start.png", encode_png(picture(32, 32)));
  CHECK_THAT(desk.shell(visualize + "lines.txt -o lines").err, Catch::StartsWith(said));
  CHECK(desk.files("lines").size() == 3);
  CHECK_THAT(desk.shell(visualize + "lines.txt --dry-run").err, Catch::StartsWith(said));
  CHECK_THAT(desk.shell(visualize + "lines.txt -q -o quiet").err, !Catch::Contains("one page"));
  for (const std::string file : {"pages.txt", "line.txt", "one.json"})
    CHECK_THAT(desk.shell(visualize + file + " -o " + file + ".out").err, !Catch::Contains("one page"));
  CHECK(desk.shell(visualize + "lines.txt -i start.png -o out").err ==
        "seedstory: lines.txt: 1 caption; nothing is left to paint; a blank line ends a page\n");
}

TEST_CASE("A frame carries A1111's parameters and the whole request") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' --seed 5 --seed-per-frame -o out").code == 0);
  const auto story = desk.json("out/story.json");
  const auto inside = nlohmann::json::parse(chunk(desk, "out/002.png", "seedstory"));
  CHECK(inside["request"] == story["request"]);
  CHECK(inside["model"] == story["model"]);
  auto listed = story["frames"][2];  // what the folder says of the file as well
  CHECK(listed.erase("bytes") + listed.erase("crc32") == 2);
  CHECK(inside["frame"] == listed);
  CHECK(inside["frame"]["seed"] == 7);
  const std::string hash = story["model"]["weights"]["unet"];
  CHECK(chunk(desk, "out/002.png", "parameters") ==
        story["frames"][2]["text"].get<std::string>() +
            "\nSteps: 2, Sampler: Euler, CFG scale: 2, Seed: 7, Size: 32x32, Model hash: " + hash +
            ", Model: tiny, Version: seedstory 0.1.0");
}

TEST_CASE("The method and the scheduler of the steps are recorded, and change the pictures alone") {
  const Workdir desk;
  const auto story = [&](const std::string& flags, const std::string& dir) {
    const Run run = desk.generate("-p 'The fox' --steps 6 --cfg-scale 1.5 " + flags + " -o " + dir);
    INFO(run.err);
    REQUIRE(run.code == 0);
    return desk.json(dir + "/story.json");
  };
  const auto euler = story("", "euler"), dpm = story("--sampling-method dpm++2m", "dpm"),
             karras = story("--sampling-method dpm++2m --scheduler karras", "karras"),
             ddim = story("--sampling-method ddim", "ddim");
  CHECK(euler["request"]["sampling_method"] == "euler");
  CHECK(euler["request"]["scheduler"] == "discrete");
  CHECK(karras["request"]["sampling_method"] == "dpm++2m");
  CHECK(karras["request"]["scheduler"] == "karras");
  for (size_t i = 0; i < 3; ++i) CHECK(karras["frames"][i]["text"] == euler["frames"][i]["text"]);
  CHECK_THAT(chunk(desk, "dpm/000.png", "parameters"), Catch::Contains("Steps: 6, Sampler: DPM++ 2M, CFG scale: 1.5"));
  CHECK_THAT(chunk(desk, "karras/000.png", "parameters"),
             Catch::Contains("Steps: 6, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 1.5"));
  CHECK_THAT(desk.shell("seedstory inspect karras/000.png").out,
             Catch::Contains("6 steps of dpm++2m on the karras scheduler, cfg scale 1.5"));

  const auto pixels = [&](const std::string& dir) { return read_image(desk / (dir + "/000.png")).rgb; };
  CHECK(pixels("dpm") != pixels("euler"));
  CHECK(pixels("karras") != pixels("dpm"));
  // Euler's path in other variables.
  const auto a = pixels("euler"), b = pixels("ddim");
  for (size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= 1);

  // Without guidance too, where the UNet sees one picture a step.
  for (const char* method : {"euler", "dpm++2m", "ddim"})
    CHECK(desk.generate("-p 'The fox' -n 1 --cfg-scale 1 --steps 4 --sampling-method " + std::string(method) +
                        " -o alone --force")
              .code == 0);
}

TEST_CASE("A story from before there was a choice of methods is continued") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' -o out").code == 0);
  REQUIRE(desk.generate("-p 'The fox' -o new").code == 0);
  const auto without_choice = [](nlohmann::ordered_json story) {
    story["request"].erase("sampling_method"), story["request"].erase("scheduler");
    story.erase("page");
    if (story.contains("frames"))
      for (auto& frame : story["frames"]) frame.erase("bytes"), frame.erase("crc32");
    return story;
  };
  desk.write("out/story.json",
             without_choice(nlohmann::ordered_json::parse(desk.read("out/story.json"))).dump(1) + "\n");
  for (const char* file : {"out/000.png", "out/001.png", "out/002.png"}) {
    const auto old = without_choice(nlohmann::ordered_json::parse(chunk(desk, file, "seedstory")));
    desk.write(file, encode_png(read_image(desk / file), {{"seedstory", old.dump(-1, ' ', true)}}));
  }
  CHECK(desk.shell("seedstory inspect out/001.png").code == 0);
  CHECK_THAT(desk.shell("seedstory inspect --command out").out,
             Catch::Contains(" --sampling-method euler --scheduler discrete "));
  const Run again = desk.generate("-p 'The fox' -o out");
  CHECK(again.code == 0);
  CHECK(again.err == "out holds this story already; nothing is computed\n");
  // Another method is another story.
  CHECK_THAT(desk.generate("-p 'The fox' --sampling-method ddim -o out").err,
             Catch::Contains("holds another story (its sampling_method differs)"));
}

TEST_CASE("The page holds every picture, escapes the texts and asks the network for nothing") {
  const Workdir desk;
  desk.write("captions.json", R"js(["a <script>alert(\"1\")</script> & more", "two"])js");
  REQUIRE(desk.shell("seedstory visualize --model model --captions captions.json -o out").code == 0);
  const std::string page = desk.read("out/story.html");
  CHECK_THAT(page,
             Catch::Contains("<p dir=\"auto\">a &lt;script&gt;alert(\u201c1\u201d)&lt;/script&gt; &amp; more</p>"));
  CHECK_THAT(page, !Catch::Contains("alert(\""));
  CHECK_THAT(page, !Catch::Contains("://"));
  CHECK_THAT(page, Catch::Contains("name=\"viewport\"") && Catch::Contains("prefers-color-scheme: dark"));
  CHECK(desk.json("out/story.json")["frames"][0]["text"] == "a <script>alert(\"1\")</script> & more");
  const std::string begin = "\"data:image/jpeg;base64,";
  int pictures = 0;  // each once, though the cover shows the first as well
  for (size_t at = 0; (at = page.find(begin, at)) != std::string::npos; ++pictures) {
    at += begin.size();
    desk.write("base64", page.substr(at, page.find('"', at) - at));
    REQUIRE(desk.shell("base64 -d <base64 >picture.jpg").code == 0);
    const Image small = read_image(desk / ("out/00" + std::to_string(pictures) + ".png"));
    const Image shown = read_image(desk / "picture.jpg");
    CHECK((shown.width == 512 && shown.height == 512));
    const Image back = resize_bilinear(shown, small.width, small.height);
    double difference = 0;
    for (size_t i = 0; i < small.rgb.size(); ++i) difference += std::abs(int(back.rgb[i]) - int(small.rgb[i]));
    CHECK(difference / double(small.rgb.size()) < 12);
  }
  CHECK(pictures == 2);
}

TEST_CASE("The same command again prints the story and computes nothing") {
  const Workdir desk;
  const Run first = desk.generate("-p 'The fox' -o out");
  const auto written = std::filesystem::last_write_time(desk / "out/001.png");
  const Run second = desk.generate("-p 'The fox' -o out");
  CHECK(second.code == 0);
  CHECK(second.out == first.out);
  CHECK(second.err == "out holds this story already; nothing is computed\n");
  CHECK(std::filesystem::last_write_time(desk / "out/001.png") == written);
}

TEST_CASE("Another story in the folder is exit 3, and --force replaces it whole") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' -o out").code == 0);
  struct {
    const char *flags, *what;
  } cases[] = {{"-p 'A fox'", "prompt differs"},
               {"-p 'The fox' -n 2", "frames differ"},
               {"-p 'The fox' --seed 1", "seed differs"}};
  for (const auto& [flags, what] : cases) {
    const Run run = desk.generate("-o out " + std::string(flags));
    CHECK(run.code == 3);
    CHECK(run.err == "seedstory: out: holds another story (its " + std::string(what) +
                         "); --force replaces it, -o DIR goes elsewhere\n");
  }
  // Pictures of another's kernels are not gone on with.
  REQUIRE(desk.generate("-p 'The fox' -o library").code == 0);
  auto told = desk.json("library/story.json");
  told["request"]["kernels"] = "library";
  desk.write("library/story.json", told.dump());
  CHECK_THAT(desk.generate("-o library -p 'The fox'").err, Catch::Contains("holds another story (its kernels differ)"));
  // Nor words of another cache's, whichever of the two has one.
  REQUIRE(desk.generate("-p 'The fox' -ctk f16 -ctv=bf16 -o small").code == 0);
  CHECK(desk.json("small/story.json")["request"]["cache_type_k"] == "f16");
  CHECK(desk.json("small/story.json")["request"]["cache_type_v"] == "bf16");
  CHECK_THAT(desk.generate("-o small -p 'The fox' -ctk f16").err, Catch::Contains("(its cache_type_v differs)"));
  CHECK_THAT(desk.generate("-o out -p 'The fox' -ctk f16").err, Catch::Contains("(its cache_type_k differs)"));
  CHECK_FALSE(desk.json("out/story.json")["request"].contains("cache_type_k"));
  desk.write("out/notes.txt", "mine");
  const Run forced = desk.generate("-n 1 -p 'A fox' -o out --force");
  CHECK(forced.code == 0);
  CHECK(desk.files("out") == std::vector<std::string>{"000.png", "notes.txt", "story.html", "story.json"});
}

// Rounded rows give other pictures than rows as they are.
TEST_CASE("A story of integer products is not gone on with in f32") {
  const Workdir desk;
  const std::string story =
      "-p 'The fox' -n 1 --steps 1 -o out --model " + quoted(SEEDSTORY_SOURCE_DIR "/weights/nano") + " --type q8 ";
  REQUIRE(desk.generate(story).code == 0);
  const auto picture = std::filesystem::last_write_time(desk / "out/000.png");
  const Run run = desk.generate(story + "--products f32");
  CHECK(run.code == 3);
  CHECK(run.err ==
        "seedstory: out: holds another story (its products differ); --force replaces it, -o DIR goes elsewhere\n");
  CHECK(std::filesystem::last_write_time(desk / "out/000.png") == picture);
  CHECK(desk.generate(story + "--products int8").err == "out holds this story already; nothing is computed\n");
}

TEST_CASE("Pictures that are not a story's are not overwritten") {
  const Workdir desk;
  std::filesystem::create_directory(desk / "out");
  desk.write("out/000.png", "mine");
  const Run run = desk.generate("-p fox -o out");
  CHECK(run.code == 3);
  CHECK(run.err ==
        "seedstory: out/000.png: is not of a story that this folder holds, and is not overwritten; move it away, or go "
        "elsewhere with -o\n");
  CHECK(desk.read("out/000.png") == "mine");
}

TEST_CASE("A story that was interrupted is told again, to the same bytes") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' -o whole").code == 0);
  REQUIRE(desk.generate("-p 'The fox' -o out").code == 0);
  std::filesystem::remove(desk / "out/002.png");
  CHECK(desk.generate("-p 'The fox' -o out").code == 0);
  desk.expect_equal_folders("whole", "out");

  auto story = desk.json("out/story.json");
  story["complete"] = false;
  desk.write("out/story.json", story.dump());
  CHECK(desk.generate("-p 'The fox' -o out").code == 0);
  desk.expect_equal_folders("whole", "out");
}

TEST_CASE("A reader who leaves ends the story after a frame, without a word") {
  const Workdir desk;
  const Run run =
      desk.shell("{ seedstory generate --model model -p fox -n 10000 -q -o out; echo $? >code; } | head -c 1");
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  CHECK(desk.read("code") == "141\n");
  CHECK_THAT(desk.read("out/story.html"), Catch::Contains("data:image/jpeg"));
  const auto story = desk.json("out/story.json");
  CHECK(story["complete"] == false);
  CHECK(story["frames"].size() + 2 == desk.files("out").size());

  REQUIRE(desk.generate("-p fox -q -o whole").code == 0);
  CHECK(desk.shell("{ seedstory generate --model model -p fox -n 3 -q -o whole --sheet; echo $? >code; } | "
                   "sh -c 'exec <&-; while ! [ -e code ]; do sleep 0.1; done'")
            .code == 0);
  CHECK(desk.read("code") == "141\n");
  CHECK(read_image(desk / "whole/sheet.png").width > 32);
  CHECK(desk.shell("{ seedstory generate --model model -p fox -n 2 -o err 2>&1 >words; echo $? >code; } | exec true")
            .code == 0);
  CHECK(desk.json("err/story.json")["complete"] == true);
}

TEST_CASE("A full disk under stdout is an error, not silence") {
  const Workdir desk;
  const Run run = desk.generate("-p fox -q -o out >/dev/full");
  CHECK(run.code == 1);
  CHECK(run.err == "seedstory: standard output cannot be written: No space left on device\n");
}

TEST_CASE("Without --output the folder is named by the story") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'A little Fox! Finds a red lantern in the snow, and more'").code == 0);
  CHECK(std::filesystem::exists(desk / "story-a-little-fox-finds-a-red-lantern-in-the/story.json"));
  REQUIRE(desk.generate("-p 'A fox of extraordinarily unpronounceable woods, so it is'").code == 0);
  CHECK(std::filesystem::exists(desk / "story-a-fox-of-extraordinarily/story.json"));  // no later word that would fit
  REQUIRE(desk.generate("-p '狐' -s 3").code == 0);
  CHECK(std::filesystem::exists(desk / "story-seed-3/story.json"));
}

TEST_CASE("Words that the model does not know are named, and the story goes on") {
  const Workdir desk;
  const Run run = desk.generate("-p \"The fox's LANTERNS and 3 tigers' spaceship: the tigers\" -q -o out");
  CHECK(run.code == 0);
  CHECK(run.err == "not in this model's world: and, tigers, spaceship\n");
}

TEST_CASE("Hard prompts are only text") {
  const Workdir desk;
  const std::string prompts[] = {"<img></s><img_00000> the </img> fox",
                                 "it's a \"fox\"\n\n$HOME `ls` \\n %s {} {0}",
                                 "--frames 2",
                                 "-n",
                                 "{}",
                                 "[]",
                                 "[\"a\", \"b\"]",
                                 "%%",
                                 "🦊 狐 \xc3\xa9",
                                 "\x1b[31mred\x1b[0m\ttab"};
  int n = 0;
  for (const std::string& prompt : prompts) {
    INFO(prompt);
    const std::string out = "out" + std::to_string(n++);
    const Run run = desk.generate("-n 1 -o " + out + " --prompt " + quoted(prompt));
    CHECK(run.code == 0);
    CHECK(desk.json(out + "/story.json")["request"]["prompt"] == prompt);
    // The command inside makes the same bytes.
    const Run command = desk.shell("rm -rf again; seedstory inspect --command " + out + "/000.png");
    REQUIRE(command.code == 0);
    desk.write("again.sh", command.out);
    CHECK(desk.shell("bash again.sh").code == 0);
    desk.expect_equal_folders(out, "again");
  }
}

TEST_CASE("A prompt of a megabyte is too long for the model, and says so") {
  const Workdir desk;
  std::string text;
  while (text.size() < 1 << 20) text += "the little fox ";
  desk.write("long.txt", text);
  const Run run = desk.generate("-f long.txt -q -o out");
  CHECK(run.code == 3);
  CHECK(run.err.size() < 400);
  CHECK_THAT(run.err, Catch::Contains("tokens"));
}

TEST_CASE("A --trace has tensors and token ids, and the story is told for it again") {
  const Workdir desk;
  const Run plain = desk.generate("-p fox -o out");
  const Run traced = desk.generate("-p fox -o out --trace t.safetensors");
  CHECK(traced.code == 0);
  CHECK(traced.out == plain.out);
  CHECK(std::filesystem::exists(desk / "t.safetensors"));
  CHECK(desk.json("t.safetensors.json")["calls"].size() == 3);
  CHECK(desk.generate("-p fox -o out2").code == 0);
  desk.expect_equal_folders("out", "out2");
}

TEST_CASE("The model that ships tells a story without being asked for by name") {
  if (!std::filesystem::exists(std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano/model.json")) {
    WARN("skipped: weights/nano is not in this tree");
    return;
  }
  const Workdir desk;
  const Run run = desk.shell("seedstory generate -p 'A little fox finds a spaceship.' -n 2 --steps 2 -o out");
  REQUIRE(run.code == 0);
  CHECK_THAT(run.err, Catch::StartsWith("not in this model's world: spaceship\nnano on cpu ("));
  CHECK(desk.json("out/story.json")["model"]["flags"].empty());
  CHECK(desk.files("out").size() == 4);
  CHECK_THAT(desk.shell("seedstory inspect --command out/001.png").out, Catch::Contains("/nano --no-settings"));
  // That line says where the model is, and the frame that it makes does not.
  REQUIRE(desk.shell("seedstory inspect --command out/000.png | sh").code == 0);
  CHECK(desk.read("again/000.png") == desk.read("out/000.png"));
}

TEST_CASE("The model that ships tells another story from another seed, and the same from the same") {
  if (!std::filesystem::exists(std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano/model.json")) {
    WARN("skipped: weights/nano is not in this tree");
    return;
  }
  const Workdir desk;
  const std::string ask = "seedstory generate -p 'A little fox.' -n 3 --steps 1 -q -o ";
  const std::string told = desk.shell(ask + "a").out;
  CHECK(desk.shell(ask + "again").out == told);
  desk.expect_equal_folders("a", "again");
  CHECK(desk.shell(ask + "other -s 7").out != told);
  const std::string greedy = desk.shell(ask + "greedy --temp 0").out;
  CHECK(desk.shell(ask + "greedy7 --temp 0 -s 7").out == greedy);
  // The user's settings win over the model's, and a flag over both.
  REQUIRE(desk.shell("mkdir -p config/seedstory").code == 0);
  desk.write("config/seedstory/config.toml", "temp = 0\n");
  CHECK(desk.shell(ask + "settings -s 7").out == greedy);
  const auto model = nlohmann::json::parse(read_text_file(SEEDSTORY_SOURCE_DIR "/weights/nano/model.json"));
  CHECK(desk.shell(ask + "flag --temp " + model["defaults"]["temp"].dump()).out == told);
}

TEST_CASE("The weights that ship lose nothing in bf16") {
  if (!std::filesystem::exists(std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano/model.json")) {
    WARN("skipped: weights/nano is not in this tree");
    return;
  }
  const Workdir desk;
  // Instructions that widen bf16, not those that multiply in it and round what they multiply with.
  const std::string here = desk.shell("seedstory version --json").out;
  const auto has = [&](const char* name) { return here.find(name) != std::string::npos; };
  const char* cpu = has("(avx2") || has("(avx_vnni") ? "avx2" : has("(portable") ? "portable" : "avx512";
  for (const char* type : {"f32", "bf16"})
    REQUIRE(desk.shell(fmt::format("seedstory generate -p 'A little fox.' -n 2 --steps 2 --cpu {} --type {} -o {}", cpu,
                                   type, type))
                .code == 0);
  const auto a = desk.json("f32/story.json")["frames"], b = desk.json("bf16/story.json")["frames"];
  for (size_t frame : {0, 1}) {
    CHECK(a[frame]["text"] == b[frame]["text"]);
    const std::string file = fmt::format("00{}.png", frame);
    CHECK(read_image(desk / ("f32/" + file)).rgb == read_image(desk / ("bf16/" + file)).rgb);
  }
}
