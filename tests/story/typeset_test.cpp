// Texts as a printer sets them.
#include "output/typeset.h"

#include "catch.h"

using namespace seedstory;

TEST_CASE("Displayed texts have a printer's quotes, dashes and ellipses", "[story]") {
  struct {
    const char *text, *shown;
  } cases[] = {
      {"\"Whose lantern is this?\" thought Mia.", "“Whose lantern is this?” thought Mia."},
      {"Tom said \"Hi!\" and \"Bye!\"", "Tom said “Hi!” and “Bye!”"},
      {"(\"a\") \"'b' c\"", "(“a”) “‘b’ c”"},
      {"It's Mia's, don't. The foxes' den", "It’s Mia’s, don’t. The foxes’ den"},
      {"'Yes,' she said. 'Twas in the '90s, 'til ten, rock 'n' roll.",
       "‘Yes,’ she said. ’Twas in the ’90s, ’til ten, rock ’n’ roll."},
      {"Wait... what?", "Wait… what?"},
      {"Four.... dots", "Four.... dots"},
      {"She ran -- fast--home---now - well", "She ran — fast—home—now – well"},
      {"a well-known 3-4 path", "a well-known 3-4 path"},
      {"- one\n- two", "- one\n- two"},
      {"5'10\" tall and 3\" wide", "5'10\" tall and 3\" wide"},
      {"seedstory --seed 7 <!-- -->", "seedstory --seed 7 <!-- -->"},
      {"\"one\n\"two\" three", "“one\n“two” three"},
      {"\"She counted to 10\"", "“She counted to 10”"},
      {"שלום \"狐\" “already”", "שלום “狐” “already”"},
      {"", ""},
      {"dit « bonjour » et «oui»", "dit «\u00a0bonjour\u00a0» et «oui»"},
      {"A fox\" is", "A fox” is"},
      {"\"", "“"},
  };
  for (const auto& [text, shown] : cases) {
    INFO(text);
    CHECK(typeset(text) == shown);
  }
}
