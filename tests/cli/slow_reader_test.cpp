// Readers who take nothing: a story never waits long for the reader of its progress, and a signal ends the wait for
// whoever reads the story itself.
#include "io/slow_reader.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "program.h"

using namespace seedstory;

namespace {

const std::string kOut(200, 'o');  // events of 600 steps with so long a name are more than a pipe holds
const std::string kAsk = "timeout 60 seedstory generate --model model -p fox -n 2 --steps 600 -o " + kOut + " ";

}  // namespace

TEST_CASE("A listener who does not read keeps no story") {
  const Workdir desk;
  struct {
    const char *before, *flags;
  } cases[] = {{"mkfifo p; exec 5<>p", "--progress-fd 5 -q"},
               {"mkfifo p; exec 5<>p", "--progress-json 2>&5"},
               {"mkfifo p q; exec 5<>p 6<>q", "--progress-json -q --log-file q 2>&5"}};
  for (const auto& [before, flags] : cases) {
    INFO(flags);
    const Run run = desk.shell("rm -rf p q " + kOut + "; " + before + "; " + kAsk + flags + " >words");
    CHECK(run.code == 0);
    CHECK(desk.json(kOut + "/story.json")["complete"] == true);
  }
}

TEST_CASE("A listener who reads late has every event but steps") {
  const Workdir desk;
  // It begins to read at the fourth of eight pictures, however fast they come.
  const Run run = desk.shell("mkfifo p; { timeout 50 sh -c 'until [ -e " + kOut +
                             "/004.png ]; do sleep .05; done'; cat >late; } <p & " + kAsk +
                             "-n 8 --progress-fd 5 -q 5>p; echo $?; wait");
  CHECK(run.out.substr(run.out.size() - 2) == "0\n");
  const std::string late = desk.read("late");
  std::istringstream in(late);
  int frames = 0, steps = 0, done = 0;
  for (std::string line; std::getline(in, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    REQUIRE(event.is_object());
    frames += event["event"] == "frame_done";
    steps += event["event"] == "step";
    done += event["event"] == "done";
  }
  CHECK(frames == 8);
  CHECK(done == 1);
  CHECK(steps < 8 * 603);
}

TEST_CASE("A signal ends the wait for a reader of the story or of its sheet") {
  const Workdir desk;
  const std::string words(60000, 'w');  // more than the pipe holds, with what comes behind it
  struct {
    const char *name, *line;
    int code;
  } cases[] = {
      {"sheet", "seedstory generate --model model -p fox -n 40 --steps 1 -q -o out --sheet /dev/fd/5 >words", 75},
      {"stdout", "seedstory generate --model model -p fox -n 9000 --steps 1 --json -q -o out >&5", 75},
      {"stream", "seedstory generate --model model -p fox -n 9000 --steps 1 -q -o - >&5", 75}};
  for (const auto& [name, line, code] : cases) {
    INFO(name);
    // It is asked when it has been still for a while: nothing it could write fits.
    const Run run = desk.shell(std::string("rm -rf p out; mkfifo p; exec 5<>p; ") + line +
                               " & pid=$!; sleep 3; kill -TERM $pid; (sleep 20; kill -9 $pid) 2>/dev/null & wait $pid");
    CHECK(run.code == code);
  }
}

TEST_CASE("What a reader takes is written, what it does not is not waited for") {
  int ends[2];
  const std::string much(1 << 20, 'x');
  REQUIRE(::pipe(ends) == 0);
  auto taken = write_some(ends[1], much);
  REQUIRE(taken);
  CHECK(*taken == 65536);
  CHECK(*write_some(ends[1], "y") == 0);
  CHECK_FALSE(wait_for_reader(ends[1], 10));
  CHECK_FALSE(write_to_reader(ends[1], "y", [] { return true; }));
  CHECK(errno == ECANCELED);
  char got[4096];
  REQUIRE(::read(ends[0], got, sizeof got) == 4096);
  CHECK(wait_for_reader(ends[1], 10));
  CHECK(*write_some(ends[1], "y") == 1);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK_FALSE(write_some(ends[1], "y"));
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  taken = write_some(ends[1], much);
  REQUIRE(taken);
  CHECK(*taken > 0);
  CHECK(*taken < much.size());
  ::close(ends[0]);
  ::close(ends[1]);
}
