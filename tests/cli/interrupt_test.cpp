// Signals to the running program, and what a second run makes of what was left.
#include "cli/exit_codes.h"
#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

// Events of 250 steps with so long a folder's name are more than a pipe holds (64 KiB): the program cannot be through a
// frame before the shell that listens has answered its third step with a signal.
const std::string kOut(200, 'o');
const std::string kLong = "seedstory generate --model model -p 'The fox' -n 4 --steps 250 -o " + kOut + " ";

// A shell ignores SIGINT in its background, and the program lets that be.
const std::string kListening = "env --default-signal=INT ";

// Runs `command` and sends `signal` in frame 1's steps; if `twice`, again when the program says that it heard.
std::string stop_in_frame_1(const std::string& command, const std::string& signal, bool twice = false) {
  const std::string answer = "kill -" + signal + " $pid;;\n";
  return "rm -f events; mkfifo events\n" + command + " --progress-json >words 2>events & pid=$!\n" +
         "while read -r line; do echo \"$line\" >>heard; case $line in\n" +
         "*'\"frame\":1,'*'\"denoise\",\"step\":3,'*) " + answer + (twice ? "*'stopping after'*) " + answer : "") +
         "esac; done <events\n" + "wait $pid";
}

}  // namespace

TEST_CASE("The first signal ends the story after the frame in work, and the same command completes it") {
  const Workdir desk;
  REQUIRE(desk.shell(kLong + " && mv " + kOut + " whole").code == 0);
  struct {
    const char *signal, *flags;
    int code;
  } cases[] = {{"INT", "", 130}, {"TERM", "", 75}, {"HUP", "", 75}, {"INT", " --order text-first", 130}};
  for (const auto& [signal, flags, code] : cases) {
    INFO(signal << flags);
    REQUIRE(desk.shell("rm -rf heard " + kOut).code == 0);
    const std::string command = kLong + flags;
    const Run run = desk.shell(stop_in_frame_1(kListening + command, signal));
    CHECK(run.code == code);
    CHECK(desk.files(kOut) == std::vector<std::string>{"000.png", "001.png", "story.html", "story.json"});
    CHECK(desk.json(kOut + "/story.json")["complete"] == false);
    CHECK(desk.json(kOut + "/story.json")["frames"].size() == 2);
    CHECK_THAT(desk.read(kOut + "/story.html"), Catch::Contains("data:image/jpeg"));
    const std::string heard = desk.read("heard");
    CHECK_THAT(heard, Catch::Contains("stopped after 2 of 4 frames; the same command goes on from there"));
    CHECK_THAT(heard, Catch::EndsWith("\"frames\":2,\"code\":" + std::to_string(code) + "}\n"));

    const auto painted = std::filesystem::last_write_time(desk / (kOut + "/001.png"));
    const Run second = desk.shell(command);
    CHECK(second.code == 0);
    CHECK_THAT(second.err,
               Catch::Contains("frame 001 is there: " + kOut + "/001.png\nframe 002 -> " + kOut + "/002.png\n"));
    CHECK(std::filesystem::last_write_time(desk / (kOut + "/001.png")) == painted);
    desk.expect_equal_folders("whole", kOut);
  }
}

TEST_CASE("The second signal ends the program at once, with whole frames") {
  const Workdir desk;
  struct {
    const char* signal;
    int code;
  } cases[] = {{"INT", 130}, {"TERM", 75}, {"HUP", 75}};
  for (const auto& [signal, code] : cases) {
    INFO(signal);
    REQUIRE(desk.shell("rm -rf heard " + kOut).code == 0);
    CHECK(desk.shell(stop_in_frame_1(kListening + kLong + "--steps 600", signal, true)).code == code);
    CHECK(desk.files(kOut) == std::vector<std::string>{"000.png", "story.json"});
    CHECK(read_image(desk / (kOut + "/000.png")).width == 32);
    CHECK_THAT(desk.read("heard"), !Catch::Contains("\"done\""));
  }
}

TEST_CASE("A signal that is ignored at the start stays ignored") {
  const Workdir desk;
  for (const char* signal : {"INT", "HUP", "TERM"}) {
    INFO(signal);
    REQUIRE(desk.shell("rm -rf heard " + kOut).code == 0);
    CHECK(desk.shell("trap '' INT HUP TERM\n" + stop_in_frame_1(kLong + "-n 2", signal)).code == 0);
    CHECK(desk.json(kOut + "/story.json")["complete"] == true);
    CHECK_THAT(desk.read("heard"), !Catch::Contains("stopping"));
  }
}

TEST_CASE("A picture that was left damaged, or belongs to another frame, is painted again") {
  const Workdir desk;
  const std::string ask = "-p 'The fox' -o ";
  REQUIRE(desk.generate(ask + "whole").code == 0);
  for (const char* damage : {"head -c 2000 whole/001.png >out/001.png", "cp whole/000.png out/001.png",
                             "rm out/001.png", "printf '\\211P' >out/001.png"}) {
    INFO(damage);
    REQUIRE(desk.shell(std::string("rm -rf out; cp -r whole out; rm out/story.html; ") + damage).code == 0);
    const Run run = desk.generate(ask + "out");
    CHECK(run.code == 0);
    CHECK_THAT(run.err, Catch::Contains("frame 000 is there: out/000.png\nframe 001 -> out/001.png\n"));
    desk.expect_equal_folders("whole", "out");
  }
}

TEST_CASE("Nothing is kept for --force and --trace") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  for (const char* flags : {"--force", "--trace t"}) {
    INFO(flags);
    REQUIRE(desk.shell("rm -f out/story.html").code == 0);
    const Run run = desk.generate("-p fox -o out " + std::string(flags));
    CHECK(run.code == 0);
    CHECK_THAT(run.err, !Catch::Contains("is there"));
  }
}

TEST_CASE("Every exit code is given, and the help says what it means") {
  const Workdir desk;
  const std::string generate = "seedstory generate --model model -p fox -n 1 -o out ";
  struct {
    int code;
    std::string line;
  } cases[] = {
      {0, generate},
      {1, "rm -rf out; " + generate + ">/dev/full"},
      {2, generate + "--paint"},
      {3, generate + "-i nowhere.png"},
      {4, "rm -rf out; " + generate + "--device cuda:99"},
      {75, stop_in_frame_1(kLong + "--force", "TERM")},
      {130, stop_in_frame_1(kListening + kLong + "--force", "INT")},
      {141,
       "{ seedstory generate --model model -p fox -n 10000 -q -o reader; echo $? >code; } | head -c 1; "
       "exit $(cat code)"},
  };
  REQUIRE(std::size(cases) == std::size(kExitCodes));
  const std::string help = desk.shell("seedstory generate --help").out;
  for (size_t i = 0; i < std::size(cases); ++i) {
    INFO(cases[i].line);
    CHECK(desk.shell(cases[i].line).code == cases[i].code);
    CHECK(kExitCodes[i].code == cases[i].code);
    CHECK_THAT(help,
               Catch::Contains("\n  " + std::to_string(cases[i].code) + " ") && Catch::Contains(kExitCodes[i].meaning));
  }
}
