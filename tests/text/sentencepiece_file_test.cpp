// The check that stands before SentencePiece's own reader.
#include "text/sentencepiece_file.h"

#include <fstream>

#include "catch.h"
#include "io/temp_folder.h"

using namespace seedstory;

namespace {

std::string field(int number, const std::string& bytes) {
  return std::string{char(number << 3 | 2), char(bytes.size())} + bytes;
}
std::string number(int field, int value) {
  return {char(field << 3), char(value)};
}
const std::string kBpe = field(2, number(3, 2));

std::string error(const std::string& bytes) {
  return error_of(ErrorKind::input, [&] { check_sentencepiece_file(bytes, "m"); });
}

}  // namespace

TEST_CASE("A SentencePiece model of LLaMA's kind passes the check", "[text]") {
  std::ifstream in(SEEDSTORY_SOURCE_DIR "/tests/data/tokenizer/tokenizer.model", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(whole.size() > 1000);
  CHECK(error(whole) == "no error");
  CHECK(error(kBpe) == "no error");
  CHECK(error(kBpe + field(3, field(1, "identity") + field(2, ""))) == "no error");
  CHECK(error(kBpe + std::string("\x0d....", 5) + std::string("\x09........", 9) + number(9, 1)) == "no error");
}

TEST_CASE("A SentencePiece model of another kind is refused", "[text]") {
  CHECK(error("") == "m: is a SentencePiece model of type 1, expected 2 (BPE)");
  CHECK(error(field(2, number(3, 1))) == "m: is a SentencePiece model of type 1, expected 2 (BPE)");
  CHECK(error(kBpe + field(2, number(3, 3))) == "m: is a SentencePiece model of type 3, expected 2 (BPE)");
  for (const int part : {3, 5})
    CHECK(error(kBpe + field(part, field(2, "x"))) ==
          "m: has rules for rewriting characters, expected none (normalization \"identity\")");
}

TEST_CASE("A SentencePiece model that is broken or cut off is refused", "[text]") {
  const std::string broken = "m: not a SentencePiece model: broken or cut off";
  CHECK(error(kBpe.substr(0, 3)) == broken);
  CHECK(error(kBpe + "\x0b") == broken);                   // a group
  CHECK(error(kBpe + "\x09....") == broken);               // 4 of 8 bytes
  CHECK(error(kBpe + std::string(11, '\xff')) == broken);  // a number without an end
  CHECK(error(kBpe + field(3, "\x12\x05xy")) == broken);
}
