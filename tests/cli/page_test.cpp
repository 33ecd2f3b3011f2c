// The page in a real browser, with a story that was written to break it.
#include <regex>

#include "io/image.h"
#include "output/story_html.h"
#include "program.h"

using namespace seedstory;

namespace {

// Checks the page of the folder `out` as tests/cli/page_check.py does; false where there is no browser to do it with.
bool check_page(const Workdir& desk, const std::string& sizes) {
  if (desk.shell("command -v python3 && { command -v chromium || command -v google-chrome; }").code != 0) {
    WARN("skipped: python3 and chromium are not both here (scripts/test needs neither)");
    return false;
  }
  const Run run =
      desk.shell("python3 -B " + quoted(SEEDSTORY_SOURCE_DIR "/tests/cli/page_check.py") + " out/story.html " + sizes);
  CHECK(run.out + run.err == "");
  CHECK(run.code == 0);
  return true;
}

// What the policy in the page says of its <style> or <script>, and what sha256sum says.
void check_hash(const Workdir& desk, const std::string& page, const std::string& tag) {
  const size_t begin = page.find("<" + tag + ">") + tag.size() + 2;
  desk.write("part", page.substr(begin, page.find("</" + tag + ">") - begin));
  const std::string hash = desk.shell("sha256sum <part | cut -c 1-64 | tr a-f A-F | basenc -d --base16 | base64").out;
  INFO(tag << " should be " << hash);
  CHECK(page.find(tag + "-src 'sha256-" + hash.substr(0, 44) + "'") != std::string::npos);
}

}  // namespace

TEST_CASE("The page's policy allows its own style and script, by hash") {
  const Workdir desk;
  const auto make = [] {
    return story_page("T", {}, {{.text = "a", .picture = {.width = 1, .height = 1, .jpeg = "b"}}});
  };
  const std::string page = make();
  check_hash(desk, page, "style");
  check_hash(desk, page, "script");
  CHECK(page == make());
}

TEST_CASE("The cover has the story's first sentence") {
  struct {
    const char *text, *title;
  } cases[] = {
      {"A fox finds a lantern. It is red. ", "A fox finds a lantern"},
      {"  Mr. Fox is at home! And so", "Mr. Fox is at home!"},
      {"One line\nand another", "One line"},
      {"狐", "狐"},
      {"", ""},
  };
  for (const auto& [text, title] : cases) CHECK(story_title(text) == title);
  const std::string words = "word word word word word word word word word word word word word word word word word word";
  CHECK(story_title(words + " word word word") == words + " word word\u2026");
  std::string foxes;
  for (int i = 0; i < 50; ++i) foxes += "狐";
  CHECK(story_title(foxes) == foxes.substr(0, 99) + "\u2026");
}

TEST_CASE("A browser shows the book: sizes, keys, swipes, contrast, print, no script, no network") {
  const Workdir desk;
  desk.write("captions.json", R"(["A little fox finds a red lantern in the snow. She takes it home.",
    "The fox\nand her friends.", "The lantern glows.", "\"Good night...\" -- it's late.", "A", "The end."])");
  REQUIRE(desk.shell("seedstory visualize --model model --captions captions.json -o out").code == 0);
  check_page(desk, "phone,lying-phone,tablet,desktop,small-desktop,large-desktop");
  CHECK_THAT(desk.read("out/story.html"),
             Catch::Contains("<p dir=\"auto\">\u201cGood night\u2026\u201d \u2014 it\u2019s late.</p>"));
}

TEST_CASE("A browser shows long texts and pictures of every shape whole") {
  const Workdir desk;
  std::string some, many;
  for (int i = 0; i < 25; ++i) some += "The fox walks on. ";
  for (int i = 0; i < 50; ++i) many += "The fox walks on. ";
  desk.write("captions.json", nlohmann::json({"The fox and the snow.", some.substr(0, 250), some, many}).dump());
  for (const auto& [width, height] : {std::pair(300, 100), std::pair(100, 300)}) {
    Image start{.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t(width * height) * 3, 90)};
    desk.write("start.png", encode_png(start));
    const Run run =
        desk.shell("seedstory visualize --model model --captions captions.json --window 1 -i start.png --force -o out");
    INFO(run.err);
    REQUIRE(run.code == 0);
    if (!check_page(desk, "phone,lying-phone,tablet,desktop")) return;
  }
}

TEST_CASE("A text of many words is printed whole, and no page of paper is empty") {
  const Workdir desk;
  const std::string nano = std::string(SEEDSTORY_SOURCE_DIR) + "/weights/nano";  // the tiny model has 512 positions
  std::string many;
  for (int i = 0; i < 270; ++i) many += "lantern ";
  desk.write("captions.json", nlohmann::json({"The fox.", many, "The end."}).dump());
  const Run run = desk.shell("seedstory visualize --model " + nano + " --steps 1 --captions captions.json -o out");
  INFO(run.err);
  REQUIRE(run.code == 0);
  check_page(desk, "desktop");
}

TEST_CASE("The last page says how the book was made, without this machine's paths") {
  const Workdir desk;
  REQUIRE(desk.generate("-p 'The fox' --seed 7 -o out").code == 0);
  const std::string page = desk.read("out/story.html");
  const size_t about = page.find("id=\"about\"");
  REQUIRE(about != std::string::npos);
  CHECK(page.find("id=\"3\"") < about);
  // Words of the command are whole, each in a <span>.
  CHECK_THAT(page.substr(about), Catch::Contains("<span>--seed-per-frame=false</span> <span>--rng</span>"));
  const std::string last = std::regex_replace(page.substr(about), std::regex("</?span>"), "");
  CHECK_THAT(last, Catch::Contains("Told and painted by tiny with seedstory 0.1.0, seed 7."));
  CHECK_THAT(last, Catch::Contains("<code>seedstory generate --prompt 'The fox' --frames 3 --seed 7 ") &&
                       Catch::Contains(
                           "This line, typed in the folder of the story, makes it again; MODEL is where tiny is:") &&
                       Catch::Contains(" -o again</code>"));
  CHECK_THAT(last, Catch::Contains(" --model MODEL ") && !Catch::Contains("/model"));
  // From another folder, in which its name is taken, the same page.
  REQUIRE(desk.shell("mkdir again; seedstory generate --model model -n 3 -p 'The fox' --seed 7 -o again/out").code ==
          0);
  CHECK(desk.read("again/out/story.html") == page);
  std::string text;
  for (int i = 0; i < 400; ++i) text += "fox ";
  REQUIRE(desk.generate("-n 1 -p '" + text + "' -o long").code == 0);
  CHECK_THAT(
      desk.read("long/story.html"),
      Catch::Contains("<code><span>seedstory</span> <span>inspect</span> <span>story.json</span> <span>--command</span>"
                      "</code>"));
  CHECK(page.find("Told and painted") > about);
}

TEST_CASE("A browser shows hostile texts as texts") {
  const Workdir desk;
  const nlohmann::json captions = {
      "</figcaption><script>window.hacked = 1</script><img src=http://127.0.0.1:9/a onerror='window.hacked = 1'>",
      "\" onload=\"window.hacked = 1\" '><!-- <style>*{display:none}</style> </main>",
      "\u202eright to left override and \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
      std::string("\x01\x1b[31m &lt; &amp;amp; \\ \t", 24)};
  desk.write("captions.json", captions.dump());
  REQUIRE(desk.shell("seedstory visualize --model model --captions captions.json -o out").code == 0);
  check_page(desk, "desktop");
}

TEST_CASE("A text of a megabyte is a page like another, under a short title") {
  std::string text = "A fox" + std::string(1 << 20, '"');
  const std::string page = story_page(story_title(text), {}, {{.text = text, .picture = {}}});
  CHECK(page.size() < (3 + 1) << 20);
  CHECK(page.find("<title>A fox\u201d") != std::string::npos);
  CHECK(story_title(text).size() < 110);
}
