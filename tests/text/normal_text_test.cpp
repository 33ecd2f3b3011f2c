// One normal form for texts that look the same.
#include "text/normal_text.h"

#include "catch.h"

using namespace seedstory;

TEST_CASE("The same text is the same text however it was typed", "[text]") {
  struct {
    const char *typed, *normal;
  } cases[] = {
      {"", ""},
      {"A fox's \"red\" lantern - and...\n\tsnow ~^`", "A fox's \"red\" lantern - and... snow ~^`"},
      {"one\r\ntwo\rthree\u2028four\u0085five\r\n", "one two three four five"},
      {"  A fox walks \n in  the\n\nsnow.\t", "A fox walks in the snow."},
      {"The fox\u2019s \u201cred\u201d \u2018lantern\u2019", "The fox's \"red\" 'lantern'"},
      {"snow\u2014and \u2013 ice\u2011cold \u22125", "snow-and - ice-cold -5"},
      {"and then\u2026", "and then..."},
      {"a\u00a0little\u2009fox\u3000runs\u202f!", "a little fox runs !"},
      {"\ufeffa fo\u00adx\u200b ru\u2060ns\u200d", "a fox runs"},
      {"a\u200bfox \u200b runs\u200b.", "a fox runs ."},
      {"A \x01"
       "f\x1box\x7f ru\u009bns\fby\v.",
       "A fox runs by ."},
      {"\u202ea fox\u202c \u2066runs\u2069\u200e", "a fox runs"},
      {"cafe\u0301", "caf\u00e9"},
      {"\u212bngstro\u0308m", "\u00c5ngstr\u00f6m"},
      {"e\u00ad\u0301", "\u00e9"},
      {"\u1112\u1161\u11ab", "\ud55c"},
      {"\u0646\u200c\u0646", "\u0646\u200c\u0646"},                                    // Persian: the joiner is seen
      {"\U0001F468\u200d\U0001F469", "\U0001F468\u200d\U0001F469"},                    // and in a family
      {"a\ufe0f f\u034fox\U000E0041 r\u180bu\ufff9ns\U0001D173\u3164", "a fox runs"},  // selectors, tags, fillers
      {"\u2764\ufe0f\u200d\U0001F525", "\u2764\u200d\U0001F525"},
      {"\u00abA fox.\u00bb", "\"A fox.\""},
      {"says \u00ab\u00a0come\u202f\u00bb, and goes", "says \"come\", and goes"},        // French
      {"\u00ab come \u00bb he says \u00ab now \u00bb .", "\"come\" he says \"now\" ."},  // its spaces as typed
      {"\u00bbcome\u00ab he says", "\"come\" he says"},                                  // German
      {"\u00bbcome\u00bb he says", "\"come\" he says"},                                  // Swedish
      {"\u00ab a \u2039 red \u203a fox \u00bb", "\"a 'red' fox\""},
      {"a \u00bb", "a \""},  // half a pair
      {"it\u00b4s \u300ca\u300d \u300eb\u300f \u301dc\u301e \uff02d\uff02 \u275be\u275c \u275df\u275e 6\u2034",
       "it's 'a' \"b\" \"c\" \"d\" 'e' \"f\" 6\"'"},
      {"\u3010\u4e00\u3011 \u00df \ufb01 \uff21", "\u3010\u4e00\u3011 \u00df \ufb01 \uff21"},  // other characters
  };
  for (const auto& [typed, normal] : cases) {
    INFO(typed);
    CHECK(normal_text(typed) == normal);
    CHECK(normal_text(normal) == normal);
  }
}

TEST_CASE("A text of spaces and of what cannot be seen is blank", "[text]") {
  for (const char* blank :
       {"", " ", "\t\r\n", "\u00a0\u2003\u3000", "\u200b\u200d\ufeff", "\u00ad", "\u202e\u2066", "\x01\x1b",
        "\u2800\u3164", "\U000E0041", "\u0085\u009b", "\ufff9\ufffb", "\U0001D173", "\ufe0f\u115f"}) {
    INFO(blank);
    CHECK(is_blank(blank));
  }
  for (const char* seen : {"a", " . ", "\u200bx", "\u2026", "\u2019", "\xff", "\u00e9", "\U0001F98A"}) {
    INFO(seen);
    CHECK_FALSE(is_blank(seen));
  }
}
