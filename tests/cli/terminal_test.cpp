// What a person sees while a story is made, and what a program hears.
#include <algorithm>
#include <regex>
#include <set>

#include "cli/estimate.h"
#include "program.h"

using namespace seedstory;

namespace {

using Json = nlohmann::json;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// Every line must be an event of version 1.
std::vector<Json> events(const std::string& text) {
  std::vector<Json> out;
  for (const std::string& line : lines(text)) {
    INFO(line);
    const Json json = Json::parse(line, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["v"] == 1);
    REQUIRE(json.contains("event"));
    out.push_back(json);
  }
  return out;
}

std::vector<Json> named(const std::vector<Json>& all, const std::string& name) {
  std::vector<Json> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const Json& e) { return e["event"] == name; });
  return out;
}

bool has_terminals(const Workdir& desk) {
  const bool has = desk.shell("script -qec 'test -t 1 && echo terminal' x").out.find("terminal") != std::string::npos;
  if (!has) WARN("skipped: this machine gives no pseudo-terminals");
  return has;
}

// stdout and stderr are one terminal; what the program wrote to it.
std::string in_terminal(const Workdir& desk, const std::string& environment, const std::string& flags,
                        const std::string& before = "") {
  desk.write("inside.sh", before + "seedstory generate --model model -n 1 -p fox --force -o out " + flags + "\n");
  return desk.shell("unset CI; export TERM=xterm; " + environment + " script -qec 'sh inside.sh' x").out;
}

}  // namespace

TEST_CASE("In a terminal a live line has the stage, the step and the time left, and goes away again") {
  const Workdir desk;
  if (!has_terminals(desk)) return;
  const std::string shown = in_terminal(desk, "", "");
  CHECK_THAT(shown, Catch::Contains("\r\x1b[K\x1b[2mframe 000: words\x1b[0m\r\x1b[K"));
  CHECK_THAT(shown, Catch::Contains("frame 000: painting [##########----------] step 1 of 2, "));
  CHECK_THAT(shown, Catch::Contains(" s left\x1b[0m\r\x1b[K"));
  CHECK_THAT(shown, Catch::Contains("frame 000: decoding, "));
  // Whatever comes after a live line first takes it away.
  const std::regex uncleared("frame 000: (words|painting|decoding)[^\n\r]*(\r?\n|\x1b\\[0m[^\r])");
  CHECK_FALSE(std::regex_search(shown, uncleared));
}

TEST_CASE("NO_COLOR, TERM=dumb, CI and --quiet are heard in a terminal, and --color on wins") {
  const Workdir desk;
  if (!has_terminals(desk)) return;
  struct {
    const char *environment, *flags;
    bool live, colored;
  } cases[] = {
      {"", "", true, true},
      {"NO_COLOR=1", "", true, false},
      {"NO_COLOR=", "", true, true},
      {"TERM=dumb", "", false, false},
      {"CI=true", "", false, true},
      {"", "--color off", true, false},
      {"NO_COLOR=1", "--color on", true, true},
      {"TERM=dumb", "--color on", false, true},
      {"", "--quiet", false, false},
      {"", "--progress-json", false, false},
  };
  for (const auto& c : cases) {
    INFO(c.environment << " " << c.flags);
    const std::string shown = in_terminal(desk, c.environment, c.flags);
    CHECK((shown.find("painting") != std::string::npos) == c.live);
    CHECK((shown.find("\x1b[2m") != std::string::npos) == c.colored);
  }
}

TEST_CASE("A live line is never longer than the terminal is wide") {
  const Workdir desk;
  if (!has_terminals(desk)) return;
  const std::string shown = in_terminal(desk, "NO_COLOR=1", "", "stty cols 24\n");
  CHECK_THAT(shown, Catch::Contains("\r\x1b[Kframe 000: painting [##\r"));
}

TEST_CASE("With --progress-json every line on stderr is an event, stdout is the story") {
  const Workdir desk;
  const Run plain = desk.generate("-p fox -o plain"), run = desk.generate("-p fox --progress-json -o out");
  REQUIRE(run.code == 0);
  CHECK(run.out == plain.out);
  desk.expect_equal_folders("plain", "out");
  const auto all = events(run.err);
  CHECK(all.front()["event"] == "start");
  CHECK(all.front()["story"] == "out");
  CHECK(all.front()["frames"] == 3);
  CHECK(all.front()["steps"] == 2);
  CHECK(all.front()["seed"] == 42);
  CHECK(all.back() == Json{{"v", 1}, {"event", "done"}, {"story", "out"}, {"frames", 3}, {"code", 0}});
  std::string order;
  for (const Json& e : all)
    if (e.value("frame", -1) == 1)
      order += e["event"].get<std::string>() +
               (e["event"] == "step" ? ":" + e["stage"].get<std::string>() + ":" + std::to_string(e["step"].get<int>())
                                     : "") +
               " ";
  CHECK(order == "step:llm:0 text step:denoise:0 step:denoise:1 step:denoise:2 step:vae:0 image frame_done ");
  CHECK(named(all, "text")[1]["text"] == desk.json("out/story.json")["frames"][1]["text"]);
  CHECK(named(all, "image")[2]["file"] == "out/002.png");
  const auto steps = named(all, "step");
  CHECK(steps[0]["eta_s"].is_null());  // nothing is measured yet
  CHECK(steps.back()["eta_s"].is_number());
  CHECK(named(all, "frame_done")[2]["eta_s"] == 0.0);

  const auto again = events(desk.generate("-p fox --progress-json -o out").err);
  REQUIRE(again.size() == 1);
  CHECK(again[0] == all.back());
}

TEST_CASE("With --progress-json warnings and errors are events too, also those of the command line") {
  const Workdir desk;
  auto all = events(desk.generate("-p fox --top-k 3 --progress-json -o out").err);
  REQUIRE(named(all, "warn").size() == 1);
  CHECK_THAT(named(all, "warn")[0]["message"].get<std::string>(), Catch::Contains("change nothing at --temp 0"));
  struct {
    const char *flags, *message;
    int code;
  } cases[] = {{"--progress-json --paint", "there is no flag --paint", 2},
               {"-p x --steps 0 --progress-json", "--steps 0: expected 1 to 1000", 2},
               {"-p x --progress-json --color red", "--color red", 2},
               {"-p x --progress-json -i nowhere.png -o x", "nowhere.png", 3},
               {"-p x --progress-json --log-file nowhere/log", "nowhere/log: cannot be written", 3}};
  for (const auto& [flags, message, code] : cases) {
    INFO(flags);
    const Run run = desk.generate(flags);
    CHECK(run.code == code);
    all = events(run.err);
    REQUIRE(all.size() == 1);
    CHECK(all[0]["event"] == "error");
    CHECK(all[0]["code"] == code);
    CHECK_THAT(all[0]["message"].get<std::string>(), Catch::Contains(message));
  }
}

TEST_CASE("Events go where --progress-fd says, and stderr stays the person's") {
  const Workdir desk;
  const Run plain = desk.generate("-p fox -o out"),
            run = desk.generate("-p fox --force -o out --progress-fd 3 3>events");
  CHECK(run.code == 0);
  CHECK(run.err == plain.err);
  CHECK(events(desk.read("events")).back()["event"] == "done");
  struct {
    const char *flags, *message;
    int code;
  } cases[] = {{"--progress-fd 9", "--progress-fd 9: is not open", 2},
               {"--progress-fd 1", "--progress-fd 1: expected 2 to 1048576; stdout is the story's", 2},
               {"--progress-fd 99999999999", "--progress-fd 99999999999: expected", 2},
               {"--progress-fd 0x3 3>events", "--progress-fd 0x3: expected a whole number", 2}};
  for (const auto& [flags, message, code] : cases) {
    INFO(flags);
    const Run wrong = desk.generate("-p x -o wrong -q " + std::string(flags));
    CHECK(wrong.code == code);
    CHECK_THAT(wrong.err, Catch::StartsWith("seedstory: " + std::string(message)));
    CHECK(lines(wrong.err).size() == 1);
  }
}

TEST_CASE("The file of --log-file gets what stderr gets, with times, and the next run is appended") {
  const Workdir desk;
  const Run run = desk.generate("-p fox --top-k 3 --color on -o out --log-file log");
  REQUIRE(run.code == 0);
  const Run wrong = desk.generate("-p fox -W 33 -o out --progress-json --log-file log");
  CHECK(wrong.code == 2);
  std::string text;
  const std::regex stamped(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*))");
  for (const std::string& line : lines(desk.read("log"))) {
    INFO(line);
    std::smatch parts;
    REQUIRE(std::regex_match(line, parts, stamped));
    text += parts[1].str() + "\n";
  }
  std::string shown = std::regex_replace(run.err, std::regex("\x1b\\[[0-9]+m"), "");
  CHECK(text == shown + "seedstory: --width 33: expected a multiple of 16, 16 to 8192\n");

  CHECK(desk.generate("-p fox -o quiet -q --log-file quiet.log").err.empty());
  CHECK_THAT(desk.read("quiet.log"), Catch::Contains("Z frame 002 -> quiet/002.png\n"));
}

TEST_CASE("An error of the command line is in the log as well, and in no file that is none") {
  const Workdir desk;
  struct {
    const char *flags, *message;
  } cases[] = {{"--steps 0 --log-file log", "--steps 0: expected 1 to 1000"},
               {"--log-file=log --seed 1e3", "--seed 1e3: expected a whole number"},
               {"--log-file log --paint", "generate: there is no flag --paint"},
               {"--log-file log --policy best", "--policy best: expected window"},
               {"--log-file log -n", "--frames: expected N behind it"},
               {"--log-file log -o ''", "--output: is empty"}};
  std::string log;
  for (const auto& [flags, message] : cases) {
    INFO(flags);
    const Run run = desk.generate("-p fox " + std::string(flags));
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + std::string(message)));
    log += run.err;
  }
  CHECK(std::regex_replace(desk.read("log"), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )"), "") == log);
  CHECK(desk.shell("SEEDSTORY_LOG_FILE=variable seedstory generate -p fox --steps 0; test -s variable").code == 0);
  CHECK(desk.shell("seedstory 'A fox' --steps 0 --log-file text; test -s text").code == 0);
  CHECK(desk.shell("SEEDSTORY_LOG_FILE=none seedstory generate --no-settings -p fox --steps 0; test ! -e none").code ==
        0);
  // Nor where nothing else is wrong.
  desk.write("mine.txt", "2026 was a year\n");
  const Run refused = desk.generate("-p fox -o out --log-file mine.txt");
  CHECK(refused.code == 3);
  CHECK(refused.err == "seedstory: --log-file mine.txt: is not a log of this program, and nothing is appended to it\n");
  CHECK(desk.read("mine.txt") == "2026 was a year\n");
  CHECK(!std::filesystem::exists(desk / "out"));
  CHECK(desk.shell("SEEDSTORY_LOG_FILE=mine.txt seedstory plan --model model").code == 3);
  desk.write("empty.txt", "");
  CHECK(desk.generate("-p fox -o out --log-file empty.txt").code == 0);
  CHECK(desk.generate("-p fox -o out --log-file /dev/null").code == 0);
  REQUIRE(desk.shell("rm -r out empty.txt").code == 0);
  // A file of another kind, one of the story's, a command that has no log.
  desk.write("mine.txt", "mine\n");
  for (const char* line :
       {"generate -p fox --steps 0 --log-file mine.txt", "generate -p fox --steps 0 --log-file story.json",
        "inspect --log-file new", "generate -p fox --log-file new --trace new", "generate -p fox --steps 0 --log-file",
        "generate -p fox --log-file --steps 0"}) {
    INFO(line);
    CHECK(desk.shell("seedstory " + std::string(line)).code == 2);
  }
  CHECK(desk.read("mine.txt") == "mine\n");
  CHECK(desk.files(".") ==
        std::vector<std::string>{"line.sh", "log", "mine.txt", "model", "stderr", "stdout", "text", "variable"});
}

TEST_CASE("A report that cannot be written is said once, and the story goes on") {
  const Workdir desk;
  const Run plain = desk.generate("-p 'fox zebra' -q -o plain");
  REQUIRE(plain.code == 0);
  struct {
    const char *flags, *message;
  } cases[] = {
      {"--log-file /dev/full", "--log-file: cannot be written: No space left on device"},
      {"--progress-fd 3 3>/dev/full", "--progress-fd 3: cannot be written: No space left on device"},
      {"2>/dev/full", ""},
      {"2>&-", ""},
      {"2>pipe", ""},
      {"--progress-json 2>/dev/full", ""},
      {"--progress-json 2>&-", ""},
      {"--log-file log 2>&-", ""},
  };
  for (const auto& [flags, message] : cases) {
    INFO(flags);
    // A pipe whose reader goes away before the first line.
    const Run run = desk.shell(
        "rm -rf out pipe; mkfifo pipe; { : <pipe; } & seedstory generate --model model -n 3 -p 'fox zebra' -q -o out " +
        std::string(flags));
    CHECK(run.code == 0);
    CHECK(run.out == plain.out);
    CHECK_THAT(run.err, Catch::Contains(*message ? message + std::string("; the story goes on without it\n") : ""));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') <= 2);
    desk.expect_equal_folders("plain", "out");
  }
  // What goes wrong has its own code, also where nobody can be told.
  CHECK(desk.generate("-p fox --steps 0 2>/dev/full").code == 2);
  CHECK(desk.generate("-p fox --steps 0 2>&-").code == 2);
  CHECK(desk.generate("-p fox -i nowhere.png --log-file /dev/full 2>&-").code == 3);
}

TEST_CASE("Standard streams that come closed are nobody's files") {
  const Workdir desk;
  const Run plain = desk.generate("-p fox -o plain");
  CHECK(desk.generate("-p fox -o out <&- 2>&-").code == 0);
  desk.expect_equal_folders("plain", "out");
  Run run = desk.generate("-p fox -o out2 >&-");
  CHECK(run.code == 1);
  CHECK_THAT(run.err, Catch::Contains("seedstory: standard output cannot be written"));
  CHECK(desk.generate("-p fox -o out3 <&- >&- 2>&-").code == 1);
  run = desk.generate("-f - -o out4 <&-");
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: standard input: cannot be read: Bad file descriptor\n");
  run = desk.generate("-f - -o out4 <.");
  CHECK(run.code == 3);
  CHECK(run.err == "seedstory: standard input: cannot be read: Is a directory\n");
}

TEST_CASE("What was asked for and cannot be printed is an error") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  constexpr char kLong[] = "inspect '" SEEDSTORY_SOURCE_DIR "/tests/data/reference/unet_sdxl.safetensors'";
  for (const char* line : {"inspect model",
                           kLong,
                           "inspect out",
                           "inspect out/000.png --json",
                           "inspect out --command",
                           "plan --model model",
                           "plan --model model --json",
                           "doctor --model model",
                           "doctor --model model --json",
                           "version",
                           "version --json",
                           "--version",
                           "--list-devices",
                           "--help",
                           "generate --help",
                           "generate --model model -p fox --dry-run",
                           "completion bash",
                           "man",
                           "bench --model model --ops --filter Convert --repeat 1",
                           "generate --model model -n 3 -p fox -o out",
                           "generate --model model -p fox -o - -n 1"})
    for (const char* place : {">/dev/full", ">&-"}) {
      INFO(line << place);
      const Run run = desk.shell("seedstory " + std::string(line) + " " + place);
      CHECK(run.code == 1);
      CHECK_THAT(run.err, Catch::Contains("seedstory: standard output cannot be written"));
      CHECK(lines(run.err.substr(run.err.find("seedstory: "))).size() == 1);
    }
}

TEST_CASE("Nothing that moves the cursor or turns the text reaches a person") {
  const Workdir desk;
  // ESC [ 2 J; CSI as one character of Latin 1 and of UTF-8; right-to-left override; isolate; a line separator.
  const std::vector<std::string> hostile = {"\x1b[2J",
                                            "\x9b"
                                            "2J",
                                            "\u009b2J",
                                            "\u202e",
                                            "\u2066",
                                            "\u200f",
                                            "\u2028",
                                            "\x7f",
                                            "\r"};
  const auto harmless = [&](const std::string& text) {
    for (const std::string& mark : hostile) CHECK(text.find(mark) == std::string::npos);
  };
  for (const std::string& mark : hostile) {
    const std::string name = "a" + mark + "b";
    desk.write(name + ".png", "no picture");
    for (const char* line : {"seedstory inspect a*.png", "seedstory generate --model model -p fox -o out -i a*.png"}) {
      const Run run = desk.shell(line);
      CHECK(run.code == 3);
      harmless(run.err);
      CHECK_THAT(run.err, Catch::StartsWith("seedstory: a?") && Catch::Contains("b.png: "));
    }
    REQUIRE(desk.shell("rm a*.png").code == 0);
  }
  std::string prompt = "The fox";
  for (const std::string& mark : hostile)
    if (mark[0] != '\x9b') prompt += mark;
  prompt += ".";
  desk.write("prompt.txt", prompt);
  const Run told = desk.generate("-f prompt.txt -o out --progress-json");
  REQUIRE(told.code == 0);
  harmless(told.err);
  CHECK(desk.json("out/story.json")["request"]["prompt"] == prompt);
  for (const char* line : {"inspect out", "inspect out --json", "inspect out --command", "inspect out/000.png"}) {
    INFO(line);
    const Run run = desk.shell("seedstory " + std::string(line));
    CHECK(run.code == 0);
    harmless(run.out);
  }
  CHECK(Json::parse(desk.shell("seedstory inspect out --json").out)["story"]["request"]["prompt"] == prompt);
}

TEST_CASE("A listener who leaves does not end the story") {
  const Workdir desk;
  const Run run = desk.shell(
      "mkfifo events; { : <events; } & seedstory generate --model model -p fox -n 3 -q -o out --progress-fd 3 "
      "3>events");
  CHECK(run.code == 0);
  CHECK(run.err == "--progress-fd 3: nobody reads it any more\n");
  CHECK(desk.json("out/story.json")["complete"] == true);
}

TEST_CASE("The time left follows what was measured") {
  Estimate estimate(2, 4);  // two pictures of four steps
  estimate.told(3);
  CHECK_FALSE(estimate.left());
  estimate.stepped(10);
  CHECK(*estimate.left() == Approx(3 + 7 * 10));  // no decoding was measured yet
  estimate.stepped(20);
  CHECK(*estimate.left() == Approx(3 + 6 * 15));
  estimate.stepped(15);
  estimate.stepped(15);
  estimate.decoded(5);
  CHECK(*estimate.left() == Approx(3 + 4 * 15 + 5));
  estimate.told(5);
  CHECK(*estimate.left() == Approx(4 * 15 + 5));
  estimate.kept();
  CHECK(*estimate.left() == Approx(0));
}

TEST_CASE("Old steps are forgotten when the machine gets slower") {
  Estimate estimate(1, 1000);
  for (int i = 0; i < 100; ++i) estimate.stepped(1);
  for (int i = 0; i < 50; ++i) estimate.stepped(10);
  CHECK(*estimate.left() == Approx(850 * 10).epsilon(0.01));
}

TEST_CASE("Times are readable") {
  CHECK(readable_time(0) == "0 s");
  CHECK(readable_time(0.2) == "1 s");
  CHECK(readable_time(59) == "59 s");
  CHECK(readable_time(200) == "3 min 20 s");
  CHECK(readable_time(7530) == "2 h 5 min");
}
