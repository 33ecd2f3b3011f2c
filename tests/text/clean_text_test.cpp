// Texts without tags and control characters.
#include "catch.h"
#include "text/tokenizer.h"

using namespace seedstory;

// The expectations are re.sub(r"\\s*<[^>]*>\\s*", " ", text).strip() of Python 3.
TEST_CASE("clean_text turns tags and the white space round them into one space", "[text]") {
  struct {
    const char *text, *clean;
  } cases[] = {
      {"", ""},
      {"plain text", "plain text"},
      {"  ends  ", "ends"},
      {"a <img> b", "a b"},
      {"a<img>b", "a b"},
      {"a \n\t<img> \u00a0\u3000 b", "a b"},
      {"a <img> <img_00000> </img> b", "a   b"},
      {"<img>a</img>", "a"},
      {"[INST]The fox. <img> </img> </s>", "[INST]The fox."},
      {"1 < 2 and 3 > 2", "1 2"},
      {"1 < 2", "1 < 2"},
      {"2 > 1", "2 > 1"},
      {"a << b >> c", "a > c"},
      {"a <b\nc> d", "a d"},
      {"<>x<>", "x"},
      {"x<", "x<"},
      {" \u2003x\x1c\u0085", "x"},
      {"two  spaces  stay", "two  spaces  stay"},
      {"h\u00e9 <x> \u65e5", "h\u00e9 \u65e5"},
  };
  for (auto [text, clean] : cases) {
    INFO(text);
    CHECK(clean_text(text) == clean);
  }
}

TEST_CASE("display_text drops what stands there for the model only", "[text]") {
  struct {
    const char *text, *prefix, *shown;
  } cases[] = {
      {"[INST]The fox runs.", "", "The fox runs."},
      {"[INST] The  fox    runs. ", "", "The fox runs."},
      {"The fox [INST] runs.", "", "The fox [INST] runs."},
      {"[INST][INST]x", "", "[INST]x"},
      {"", "", ""},
      {"[INST]", "", ""},
      {"[INST]The fox", "[INST]", "The fox"},
      {"<12 left> The fox", "<{left} left> ", "The fox"},
      {"[INST]7 more: The fox", "[INST]{left} more: ", "The fox"},
      {"[INST]x more: The fox", "[INST]{left} more: ", "x more: The fox"},
      {"[INST] more: The fox", "[INST]{left} more: ", "more: The fox"},
      {"7", "{left}", ""},
      {"The fox", "{left} more: ", "The fox"},
      {"Next: [INST]The fox", "Next: ", "The fox"},
  };
  for (auto [text, prefix, shown] : cases) {
    INFO(text);
    CHECK(display_text(text, prefix) == shown);
  }
  CHECK(display_text(std::string_view("\0The\0 \x01 f\x1box\x7f.", 14), "") == "The fox.");
  CHECK(display_text("line\n\tline", "") == "line\n\tline");
}
