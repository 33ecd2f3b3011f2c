// Pictures on stdout: -o - read back by other people's parsers, frames in a terminal, and the sheet.
#include "io/image.h"
#include "program.h"

using namespace seedstory;

namespace {

// Python's own readers, so that not the writer says what is right. Each writes what it found as NNN.txt and NNN.png.
constexpr const char* kReadMultipart = R"py(
import email, email.policy, sys
# Not message_from_binary_file, which reads lines of text and so turns CR LF inside a picture into LF.
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.HTTP)
assert message.get_content_type() == "multipart/mixed" and not message.defects, message.defects
for part in message.iter_parts():
    assert not part.defects, part.defects
    body = part.get_payload(decode=True)
    if part["Content-Transfer-Encoding"] == "binary":
        assert int(part["Content-Length"]) == len(body)
    assert part.get_content_type() in ("text/plain", "image/png")
    with open("read/" + part.get_filename(), "wb") as out:
        out.write(body)
    print(part.get_filename())
)py";

constexpr const char* kReadLines = R"py(
import base64, json, sys
for line in sys.stdin.buffer:
    frame = json.loads(line)
    with open("read/" + frame["file"], "wb") as out:
        out.write(base64.b64decode(frame["png"], validate=True))
    with open("read/" + frame["file"].replace(".png", ".txt"), "w", newline="", encoding="utf-8") as out:
        out.write(frame["text"])
)py";

// The pictures of a terminal's bytes: whole PNG files, as kitty's protocol carries them.
constexpr const char* kReadTerminal = R"py(
import base64, re, sys
data, pictures = "", 0
for keys, payload in re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", sys.stdin.buffer.read().decode("latin-1")):
    assert len(payload) <= 4096 and "q=2" in keys, keys
    assert ("f=100" in keys) == (data == ""), keys
    data += payload
    if "m=0" in keys:
        with open("read/%03d.png" % pictures, "wb") as out:
            out.write(base64.b64decode(data, validate=True))
        data, pictures = "", pictures + 1
assert data == ""
print(pictures)
)py";

bool has_python(const Workdir& desk) {
  if (desk.shell("command -v python3").code == 0) return true;
  WARN("skipped: there is no python3, whose parsers read the stream");
  return false;
}

Run read_with(const Workdir& desk, const char* script, const std::string& stream) {
  desk.write("read.py", script);
  return desk.shell("rm -rf read; mkdir read; python3 -B read.py <" + stream);
}

void expect_read(const Workdir& desk, const std::string& folder) {
  const auto story = desk.json(folder + "/story.json");
  REQUIRE_FALSE(story["frames"].empty());
  for (const auto& frame : story["frames"]) {
    const std::string file = frame["file"];
    CHECK((desk.read("read/" + file) == desk.read(folder + "/" + file)));
    if (std::filesystem::exists(desk / ("read/" + file.substr(0, 3) + ".txt")))
      CHECK(frame["text"] == desk.read("read/" + file.substr(0, 3) + ".txt"));
  }
}

}  // namespace

TEST_CASE("With -o - the story is a MIME message on stdout, and nothing is on disk") {
  const Workdir desk;
  if (!has_python(desk)) return;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  const Run run = desk.shell("mkdir empty; cd empty; seedstory generate --model ../model -n 3 -p fox -o - >../stream");
  REQUIRE(run.code == 0);
  CHECK(desk.files("empty").empty());
  CHECK_THAT(run.err, Catch::Contains("frame 002 -> standard output\n") && !Catch::Contains("story.html") &&
                          !Catch::Contains(".png"));
  const Run read = read_with(desk, kReadMultipart, "stream");
  CHECK(read.err == "");
  CHECK(read.out == "000.txt\n000.png\n001.txt\n001.png\n002.txt\n002.png\n");
  const auto story = desk.json("out/story.json");
  for (const std::string n : {"0", "1", "2"}) {
    CHECK(desk.read("read/00" + n + ".txt") == kSaid);
    CHECK(read_image(desk / ("read/00" + n + ".png")).rgb == read_image(desk / ("out/00" + n + ".png")).rgb);
  }
  CHECK(desk.generate("-p fox -o - --order text-first >stream").code == 0);
  CHECK(read_with(desk, kReadMultipart, "stream").out == "000.txt\n001.txt\n002.txt\n000.png\n001.png\n002.png\n");
}

TEST_CASE("The stream holds the very files, whatever the texts are") {
  const Workdir desk;
  if (!has_python(desk)) return;
  const nlohmann::json captions = {"two\nlines\r\nor three ", "--=_seedstory_frame--",
                                   "\r\n--=_seedstory_frame\r\n\r\n", "\u72d0 \U0001f98a \u05e9", "From here.\n.\n"};
  desk.write("captions.json", captions.dump());
  const std::string ask = "seedstory visualize --model model --captions captions.json -o ";
  REQUIRE(desk.shell(ask + "out").code == 0);
  REQUIRE(desk.shell(ask + "- >stream").code == 0);
  CHECK(read_with(desk, kReadMultipart, "stream").err == "");
  expect_read(desk, "out");
  REQUIRE(desk.shell(ask + "- --stream jsonl >stream").code == 0);
  CHECK(read_with(desk, kReadLines, "stream").err == "");
  expect_read(desk, "out");
  CHECK((desk.shell(ask + "- --stream jsonl").out == desk.read("stream")));
}

TEST_CASE("A stream's reader who leaves ends the program without a word, and what makes no sense is exit 2") {
  const Workdir desk;
  const Run left =
      desk.shell("{ seedstory generate --model model -p fox -n 1000 -q -o -; echo $? >code; } | head -c 9");
  CHECK(left.err == "");
  CHECK(desk.read("code") == "141\n");
  struct {
    const char *flags, *says;
  } cases[] = {{"-o - --json", "--json: not with -o -, whose stdout is a stream (--stream)"},
               {"-o - --sheet", "--sheet: not with -o -, whose stdout is a stream (--stream)"},
               {"-o - --show on", "--show on: not with -o -, whose stdout is a stream (--stream)"},
               {"-o - --stream xml", "--stream xml: expected multipart or jsonl"},
               {"-o out --stream jsonl", "--stream: is for -o -"},
               {"-o out --json --show on", "--show on: not with --json"},
               {"-o out --show maybe", "--show maybe: expected auto, on or off"}};
  for (const auto& [flags, says] : cases) {
    const Run run = desk.generate("-p fox " + std::string(flags));
    CHECK(run.code == 2);
    CHECK(run.out == "");
    CHECK_THAT(run.err, Catch::Contains("seedstory: " + std::string(says) + "\n"));
  }
}

TEST_CASE("In a terminal that shows pictures, frames stand between the paragraphs") {
  const Workdir desk;
  if (!has_python(desk)) return;
  if (desk.shell("script -qec 'test -t 1 && echo terminal' x").out.find("terminal") == std::string::npos) {
    WARN("skipped: this machine gives no pseudo-terminals");
    return;
  }
  const std::string unset = "unset TMUX KITTY_WINDOW_ID TERM_PROGRAM; ";
  const auto shown = [&](const std::string& set, const std::string& flags) {
    desk.shell(unset + set + " script -qec 'seedstory generate --model model -n 2 -W 128 -H 96 -p fox -o out" + flags +
               "' x >terminal");
    return read_with(desk, kReadTerminal, "terminal").out;
  };
  CHECK(shown("TERM=xterm-kitty", "") == "2\n");
  expect_read(desk, "out");
  CHECK(std::filesystem::file_size(desk / "out/000.png") > 4096);  // more than one chunk
  CHECK(desk.read("terminal").find(kSaid) < desk.read("terminal").find("\x1b_G"));
  CHECK(shown("TERM=xterm-kitty", " --show off") == "0\n");
  CHECK(shown("TERM=xterm", "") == "0\n");
  CHECK(shown("TERM=xterm", " --show on") == "2\n");
  CHECK(shown("TERM=xterm KITTY_WINDOW_ID=1", "") == "2\n");
  CHECK(shown("TERM=xterm TERM_PROGRAM=WezTerm", "") == "2\n");
  CHECK(shown("TERM=tmux-256color KITTY_WINDOW_ID=1", "") == "0\n");
  CHECK(shown("TERM=xterm-kitty", " --json") == "0\n");
  CHECK_THAT(desk.shell("script -qec 'seedstory generate --model model -p fox -o -' x").out,
             Catch::Contains("standard output is a terminal"));
  CHECK(desk.shell("TERM=xterm-kitty seedstory generate --model model -n 2 -W 128 -H 96 -p fox -o out").out ==
        std::string(kSaid) + "\n\n" + kSaid + "\n");
}

TEST_CASE("A --sheet is all frames on one picture, the same each time, also of a story that is there") {
  const Workdir desk;
  REQUIRE(desk.generate("-p fox -o out").code == 0);
  Run run = desk.generate("-p fox -o out --sheet");
  CHECK(run.code == 0);
  CHECK_THAT(run.err, Catch::Contains("nothing is computed") && Catch::Contains("sheet -> out/sheet.png"));
  REQUIRE(desk.generate("-p fox -o again --sheet ./all.png").code == 0);
  CHECK((desk.read("out/sheet.png") == desk.read("all.png")));
  const Image sheet = read_image(desk / "all.png");
  CHECK(sheet.width == 2 * 36 + 3 * 320 + 2 * 28);
  CHECK(desk.generate("-p fox -o out --sheet other.png").code == 0);
  CHECK(std::filesystem::exists(desk / "out/other.png"));
  CHECK(run.err.find("the sheet ") == std::string::npos);
  desk.write("captions.json", nlohmann::json({"The \u72d0", "caf\u00e9 \u0158"}).dump());
  run = desk.shell("seedstory visualize --model model --captions captions.json -o cut --sheet");
  CHECK_THAT(run.err,
             Catch::Contains("\nthe sheet has no letters for \u72d0 (1 of 2 captions); the page has them whole\n"));
  CHECK(desk.generate("-p fox -o out --sheet no/such/folder.png").code == 3);
  CHECK(desk.generate("-p 'A fox' -o out --force").code == 0);
  CHECK_FALSE(std::filesystem::exists(desk / "out/sheet.png"));
}
