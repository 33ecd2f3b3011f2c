// Pictures as people have them: from phones, with alpha, large, over a pipe.
#include "io/image.h"
#include "io/picture_bytes.h"
#include "program.h"

using namespace seedstory;

namespace {

const std::string kPictures = SEEDSTORY_SOURCE_DIR "/tests/data/pictures/";

// Smooth, with grain: compresses as a photo does.
Image photo(int width, int height) {
  Image image{.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t(width) * size_t(height) * 3)};
  uint32_t state = 1;
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    image.rgb[i] = uint8_t((i / 3 % size_t(width)) * 200 / size_t(width) + (state >> 28));
  }
  return image;
}

}  // namespace

TEST_CASE("A turned photo starts a story upright, and lies as it was stored for compat_vis") {
  const Workdir desk;
  const std::string jpeg = read_text_file(kPictures + "rgb444.jpg");
  desk.write("plain.jpg", jpeg);
  desk.write("photo.jpg", jpeg_with_exif(jpeg, exif_bytes(6, true)));
  const Image plain = read_image(desk / "plain.jpg");
  REQUIRE(plain.width != plain.height);
  Run run = desk.generate("-p fox -i photo.jpg -o out");
  CHECK(run.code == 0);
  CHECK(run.err.find("seedstory: ") == std::string::npos);
  Image shown = read_image(desk / "out/000.png");
  CHECK(shown.width == plain.height);
  CHECK(shown.rgb == read_image(desk / "photo.jpg").rgb);

  desk.write("captions.json", R"(["the fox", "the lantern"])");
  run = desk.shell(
      "seedstory visualize --model model --captions captions.json -i photo.jpg --policy compat_vis --max-tokens 20 -o "
      "compat");
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK_THAT(run.err, Catch::Contains("photo.jpg: is not turned as its EXIF orientation 6 says"));
  CHECK(read_image(desk / "compat/000.png").rgb == plain.rgb);
}

TEST_CASE("Transparent pixels of a start picture go on white, and a note says so") {
  const Workdir desk;
  desk.write("noise.webp", webp_bytes(2, 1, {1, 2, 3, 0, 4, 5, 6, 255}));
  const Run run = desk.generate("-p fox -i noise.webp -o out");
  CHECK(run.code == 0);
  CHECK_THAT(run.err, Catch::Contains("noise.webp: its transparent pixels are put on white"));
  CHECK(read_image(desk / "out/000.png").rgb == std::vector<uint8_t>{255, 255, 255, 4, 5, 6});
  CHECK_THAT(desk.generate("-p fox -i - -o piped <noise.webp").err,
             Catch::Contains("standard input: its transparent pixels are put on white"));
  desk.write("opaque.webp", webp_bytes(1, 1, {1, 2, 3, 255}));
  CHECK_THAT(desk.generate("-p fox -i opaque.webp -o opaque").err, !Catch::Contains("transparent"));
}

TEST_CASE("The start picture may come from standard input or a pipe, which only one flag can read") {
  const Workdir desk;
  desk.write("a.png", encode_png({.width = 2, .height = 2, .rgb = std::vector<uint8_t>(12, 70)}));
  CHECK(desk.generate("-p fox -i - -o stdin <a.png").code == 0);
  CHECK(desk.generate("-p fox -i a.png -o file").code == 0);
  desk.expect_equal_folders("stdin", "file");
  CHECK(
      desk.shell("mkfifo pipe; cat a.png >pipe & seedstory generate --model model -n 3 -p fox -i pipe -o fifo").code ==
      0);
  desk.expect_equal_folders("fifo", "file");
  struct {
    const char *line, *message;
    int code;
  } cases[] = {
      {"generate -f - -i - -o no <a.png", "--image -: not with --prompt-file -, there is one standard input", 2},
      {"visualize --captions - -i - -o no <a.png", "--image -: not with --captions -, there is one standard input", 2},
      {"generate -p fox -i - -o no </dev/null", "standard input: an empty file, not a picture", 3},
      {"generate -p fox -i - -o no <model/model.json", "standard input: no picture of a kind that is read", 3},
  };
  for (const auto& [line, message, code] : cases) {
    INFO(line);
    const Run run = desk.shell("seedstory " + std::string(line) + " --model model");
    CHECK(run.code == code);
    CHECK_THAT(run.err, Catch::StartsWith("seedstory: " + std::string(message)));
    CHECK_FALSE(std::filesystem::exists(desk / "no"));
  }
}

TEST_CASE("inspect says of a picture what generate makes of it") {
  const Workdir desk;
  desk.write("photo.jpg", jpeg_with_exif(read_text_file(kPictures + "rgb444.jpg"), exif_bytes(8, false)));
  desk.write("plain.webp", webp_bytes(2, 1, {1, 2, 3, 0, 4, 5, 6, 255}, exif_bytes(5, false)));
  desk.write("film.jpg", std::string("\0\0\0\x18", 4) + "ftypheic");
  const Image shown = read_image(desk / "photo.jpg");
  const std::string stored_size = std::to_string(shown.height) + "x" + std::to_string(shown.width),
                    shown_size = std::to_string(shown.width) + "x" + std::to_string(shown.height);
  CHECK(desk.shell("seedstory inspect photo.jpg").out ==
        "photo.jpg: JPEG, " + stored_size +
            " pixels, no story data\n"
            "orientation       8: it is shown turned left by 90 degrees\n"
            "generate --image makes a 000.png of " +
            shown_size + " pixels, turned so\n");
  // In exiftool's words; a picture of 2 x 1.
  const char* words[] = {"mirrored",
                         "turned by 180 degrees",
                         "mirrored, turned by 180 degrees",
                         "mirrored, turned right by 270 degrees",
                         "turned right by 90 degrees",
                         "mirrored, turned right by 90 degrees",
                         "turned left by 90 degrees"};
  for (int orientation = 2; orientation <= 8; ++orientation) {
    desk.write("turned.webp", webp_bytes(2, 1, {1, 2, 3, 0, 4, 5, 6, 255}, exif_bytes(orientation, false)));
    CHECK(desk.shell("seedstory inspect turned.webp").out ==
          "turned.webp: WebP, 2x1 pixels, no story data\norientation       " + std::to_string(orientation) +
              ": it is shown " + words[orientation - 2] + "\ngenerate --image makes a 000.png of " +
              (orientation < 5 ? "2x1" : "1x2") + " pixels, turned so, its transparent pixels on white\n");
  }
  const auto json = nlohmann::json::parse(desk.shell("seedstory inspect --json plain.webp").out);
  CHECK(json == nlohmann::json{{"kind", "WebP"},
                               {"width", 2},
                               {"height", 1},
                               {"orientation", 5},
                               {"transparent", true},
                               {"start", {{"width", 1}, {"height", 2}}},
                               {"story", nullptr}});
  const Run run = desk.shell("seedstory inspect film.jpg");
  CHECK(run.code == 3);
  CHECK_THAT(run.err, Catch::StartsWith("seedstory: film.jpg: a HEIC picture, which is not read"));
}

TEST_CASE("The page of a story that starts from a large photo can be sent, and 000.png is whole") {
  const Workdir desk;
  desk.write("photo.png", encode_png(photo(4000, 3000)));
  REQUIRE(desk.generate("-p fox -i photo.png -o out").code == 0);
  CHECK(read_image(desk / "out/000.png").width == 4000);
  CHECK(std::filesystem::file_size(desk / "out/story.html") < 2'000'000);
  CHECK(desk.read("out/story.html").find("data:image/jpeg;base64,/9j/") != std::string::npos);
}
