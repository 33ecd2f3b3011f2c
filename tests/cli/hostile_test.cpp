// Files and texts that are made to hurt: each gets its answer and its exit code, in bounded memory and time.
#include <sys/resource.h>

#include "io/image.h"
#include "io/png_chunk.h"
#include "io/torch_archive.h"
#include "program.h"

using namespace seedstory;

namespace {

// The most memory that one program of this test had so far.
int64_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return usage.ru_maxrss >> 10;
}

// Runs the line with 60 seconds of CPU time and looks at the memory that it took.
Run run_bounded(const Workdir& desk, const std::string& line) {
  const Run run = desk.shell("ulimit -t 60; " + line);
  CHECK(peak_mib() < SEEDSTORY_MOST_MIB);
  return run;
}

void expect_refused(const Workdir& desk, const std::string& line, const std::string& message) {
  INFO(line);
  const Run run = run_bounded(desk, line);
  CHECK(run.code == 3);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: ") && Catch::Contains(message));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK(run.err.size() < 3000);
}

std::string big_endian(uint32_t value) {
  return std::string{char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

// A zlib stream of `count` equal bytes below 144: fixed codes, 13 bits for 258 of them (RFC 1951, 3.2.6).
class Deflated {
 public:
  Deflated(uint8_t value, uint64_t count) {
    bits(1, 1);  // the last block
    bits(1, 2);  // fixed codes
    for (uint64_t i = 0; i < 1 + (count - 1) % 258; ++i) code(0x30u + value, 8);
    for (uint64_t i = 0; i < (count - 1) / 258; ++i) {
      code(0xC5, 8);  // 258 bytes
      code(0, 5);     // of the one before
    }
    code(0, 7);
    bits(0, 7);  // fills the last byte
    const uint64_t a = (1 + count % 65521 * value) % 65521;
    const uint64_t pairs =
        count % 2 == 0 ? count / 2 % 65521 * ((count + 1) % 65521) : count % 65521 * ((count + 1) / 2 % 65521);
    const uint64_t b = (count + pairs % 65521 * value) % 65521;
    bytes += big_endian(uint32_t(b << 16 | a));
  }
  std::string bytes = "\x78\x9c";

 private:
  void bits(uint32_t value, int count) {
    for (int i = 0; i < count; ++i) {
      byte_ |= (value >> i & 1) << used_;
      if (++used_ < 8) continue;
      bytes += char(byte_);
      byte_ = 0;
      used_ = 0;
    }
  }
  void code(uint32_t value, int count) {
    for (int i = count; i-- > 0;) bits(value >> i, 1);
  }
  uint32_t byte_ = 0;
  int used_ = 0;
};

// A grey picture with whatever chunks before and as its pixels.
std::string png(uint32_t width, uint32_t height, const std::string& texts, const std::string& pixels) {
  const std::string header = big_endian(width) + big_endian(height) + std::string("\x08\0\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + texts + png_chunk("IDAT", pixels) + png_chunk("IEND", "");
}

std::string nested(int depth) {
  return std::string(size_t(depth), '[') + std::string(size_t(depth), ']');
}

constexpr uint64_t kBomb = 600'000'000;
constexpr int kDeep = 1'000'000;

}  // namespace

TEST_CASE("A pickle that runs code is refused by name, and nothing runs") {
  const Workdir desk;
  using namespace pickle;
  ZipBuilder zip;
  zip.add("archive/data.pkl", "\x80\x02" + global("posix", "system") + tuple(text("touch ran")) + "R.");
  desk.write("hostile.bin", zip.whole());
  const std::string message = "hostile.bin: data.pkl: refuses to call posix.system";
  expect_refused(desk, "seedstory inspect hostile.bin", message);
  for (const char* part : {"--vit", "--llm", "--detokenizer", "--unet", "--vae"})
    expect_refused(desk, "seedstory generate --model model -p fox -o out " + std::string(part) + " hostile.bin",
                   message);
  CHECK_FALSE(std::filesystem::exists(desk / "ran"));
  CHECK_FALSE(std::filesystem::exists(desk / "out"));
}

TEST_CASE("What is small on disk and huge in memory is not unpacked") {
  const Workdir desk;
  ZipBuilder zip;
  zip.method = 8;
  zip.add("archive/data.pkl", Deflated(0, kBomb).bytes);
  desk.write("bomb.bin", zip.whole());
  expect_refused(desk, "seedstory inspect bomb.bin", "bomb.bin: archive/data.pkl: is compressed (method 8)");

  desk.write("pixels.png", png(1, 1, "", Deflated(0, kBomb).bytes));
  CHECK(run_bounded(desk, "seedstory inspect pixels.png").out ==
        "pixels.png: PNG, 1x1 pixels, no story data\ngenerate --image makes a 000.png of 1x1 pixels\n");

  const auto text = [](const char* keyword, uint64_t count) {
    return png_chunk("zTXt", std::string(keyword) + std::string(2, '\0') + Deflated('x', count).bytes);
  };
  const std::string pixels = Deflated(0, 2).bytes;
  desk.write("text.png", png(1, 1, text("seedstory", kBomb), pixels));
  CHECK(run_bounded(desk, "seedstory inspect text.png").out ==
        "text.png: PNG, 1x1 pixels, no story data\ngenerate --image makes a 000.png of 1x1 pixels\n");
  std::string many;
  for (int i = 0; i < 900; ++i) many += text("k", 1'000'000);
  desk.write("texts.png", png(1, 1, many, pixels));
  CHECK(run_bounded(desk, "seedstory inspect texts.png").out ==
        "texts.png: PNG, 1x1 pixels, no story data\ngenerate --image makes a 000.png of 1x1 pixels\n");

  // As large as a phone's pictures are. It is read whole, and costs what its pixels do.
  desk.write("photo.png", png(8192, 6144, "", Deflated(0, uint64_t(8192 + 1) * 6144).bytes));
  CHECK(run_bounded(desk, "seedstory inspect photo.png").out ==
        "photo.png: PNG, 8192x6144 pixels, no story data\ngenerate --image makes a 000.png of 8192x6144 pixels\n");
  desk.write("wide.png", png(30000, 30000, "", pixels));
  expect_refused(desk, "seedstory inspect wide.png", "wide.png: 30000x30000 pixels, at most 16384 a side and 67108864");
  desk.write("wide.png", png(60000, 1, "", pixels));
  expect_refused(desk, "seedstory inspect wide.png", "wide.png: 60000x1 pixels, at most 16384 a side");
  desk.write("wide.png", png(60000, 60000, "", pixels));
  expect_refused(desk, "seedstory generate --model model -p fox -o out -i wide.png", "wide.png: 60000x60000 pixels");
}

TEST_CASE("JSON of a million levels is refused wherever JSON is read") {
  const Workdir desk;
  const std::string deep = nested(kDeep);
  const auto tell = [](const std::string& flags) {
    return "seedstory generate --model model -p fox -n 1 -o out " + flags;
  };
  desk.write("deep.json", deep);
  expect_refused(desk, "seedstory visualize --model model --captions deep.json -o out",
                 "deep.json: nested deeper than 8");
  expect_refused(desk, "seedstory inspect deep.json", "deep.json: nested deeper than 8");
  desk.write("deep.index.json", "{\"weight_map\":" + deep + "}");
  expect_refused(desk, tell("--llm deep.index.json"), "deep.index.json: nested deeper than 8");
  const std::string header = "{\"a\":" + deep + "}";
  desk.write("deep.safetensors", little_endian(uint64_t(header.size())) + header);
  expect_refused(desk, tell("--vae deep.safetensors"), "deep.safetensors: header: nested deeper than 3");
  desk.write("frame.png", encode_png({.width = 1, .height = 1, .rgb = {1, 2, 3}}, {{"seedstory", nested(kDeep / 2)}}));
  expect_refused(desk, "seedstory inspect frame.png", "frame.png: nested deeper than 8");
  REQUIRE(desk.shell("cp -r model whole; mkdir out").code == 0);
  desk.write("model/added_tokens.json", "{\"a\":" + deep + "}");
  const Run tokens = run_bounded(desk, tell(""));
  CHECK(tokens.code == 3);
  CHECK_THAT(tokens.err, Catch::Contains("model/added_tokens.json: nested deeper than 8 levels"));
  desk.write("model/model.json", "{\"vit\":" + deep + "}");
  expect_refused(desk, tell(""), "model/model.json: nested ");
  // A story's folder that somebody else filled.
  REQUIRE(desk.shell("rm -r model out; mv whole model").code == 0);
  REQUIRE(desk.shell(tell("")).code == 0);
  nlohmann::json story = desk.json("out/story.json");
  story["model"] = "here";
  std::string text = story.dump();
  text.replace(text.find("\"here\""), 6, deep);
  desk.write("out/story.json", text);
  expect_refused(desk, tell(""), "out: holds another story");
}

TEST_CASE("A prompt and a caption of a megabyte are answered") {
  const Workdir desk;
  std::string words;  // all different
  for (int i = 1; words.size() < 1 << 20; ++i) {
    for (int rest = i; rest > 0; rest /= 26) words += char('a' + rest % 26);
    words += ' ';
  }
  desk.write("word.txt", std::string(1 << 20, 'a'));
  desk.write("words.txt", words);
  desk.write("words.json", nlohmann::json::array({words}).dump());
  struct {
    const char *line, *said;
  } cases[] = {{"generate -n 1 -f word.txt", "seedstory: the prompt has "},
               {"generate -n 1 -f words.txt", "seedstory: the prompt has "},
               {"visualize --captions words.json", "seedstory: caption 0: has 895484 tokens, "}};
  for (const auto& [line, said] : cases) {
    INFO(line);
    const Run run = run_bounded(desk, "seedstory " + std::string(line) + " --model model -o out --force");
    CHECK(run.code == 3);
    CHECK_THAT(run.err, Catch::Contains(said));
    CHECK(run.err.size() < 3000);
  }
}

TEST_CASE("Names with line breaks and control characters make no second line") {
  const Workdir desk;
  desk.write("a\nb\x1b[2J.png", "no picture");
  expect_refused(desk, "seedstory inspect a*.png", "a?b?[2J.png: ");
  expect_refused(desk, "seedstory generate --model model -p fox -o out -i a*.png", "a?b?[2J.png: ");
  desk.write("named.safetensors", little_endian(uint64_t(13)) + "{\"a\\nb\":true}");
  expect_refused(desk, "seedstory inspect named.safetensors", "named.safetensors: a?b: has no \"dtype\"");
  const Run run = desk.shell("seedstory generate --model model -p fox -n 1 -o \"$(printf 'two\\nlines')\"");
  CHECK(run.code == 0);
  CHECK(std::filesystem::exists(desk / "two\nlines/000.png"));
  CHECK(desk.shell("seedstory inspect two*/000.png").code == 0);
}
