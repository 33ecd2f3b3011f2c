#include "text/tokenizer.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "io/golden.h"

using namespace seedstory;

TEST_CASE("The tokenizer equals the reference on the golden texts", "[text][golden]") {
  if (!have_golden()) return;
  const auto folder = golden_dir() / "a" / "pretrained" / "cvlm_llama2_tokenizer";
  const Tokenizer tokenizer(folder / "tokenizer.model", folder / "added_tokens.json", false);
  const auto expected = nlohmann::json::parse(std::ifstream(golden_dir() / "a" / "expected.json"));
  for (const auto& line : expected["tokenizer"]) {
    const std::string text = line["text"];
    INFO(text);
    CHECK(tokenizer.encode_tags(text) == line["ids"].get<std::vector<int>>());
    CHECK(tokenizer.decode(line["ids"]) == line["decoded"].get<std::string>());
  }
  for (const char* kind : {"generate", "visualize"})
    for (const auto& call : expected[kind]) {
      CHECK(tokenizer.decode(call["generated"]) == call["decoded"].get<std::string>());
      CHECK(clean_text(call["decoded"].get<std::string>()) == call["text"].get<std::string>());
    }
}
