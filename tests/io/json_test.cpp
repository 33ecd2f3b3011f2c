// The library is the oracle for what is printed.
#include "io/json.h"

#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "catch.h"
#include "io/temp_folder.h"

using namespace seedstory;

// For Catch2, to which a value that is its own only one would be a range without end.
namespace seedstory {
static std::ostream& operator<<(std::ostream& out, const Json& json) {
  return out << json.dump();
}
}  // namespace seedstory

namespace {

template <class F>
std::string json_error_of(F&& f) {
  try {
    f();
  } catch (const JsonError& error) {
    return error.what();
  }
  return "no error";
}

Json read(std::string_view text) {
  return parse_json(text, "x", 8);
}

}  // namespace

TEST_CASE("JSON keeps the order of names, and prints as the library does") {
  const std::string text =
      R"({"z":[],"a":{},"m":{"z":1,"a":[1,-2,0.1,1e300,-0.0,100000.0,true,null]},"t":"\u0001\"\\/\u00fc\n\ud83d\ude00"})";
  for (const int indent : {-1, 0, 1, 2}) {
    CHECK(read(text).dump(indent) == nlohmann::ordered_json::parse(text).dump(indent));
    CHECK(read(text).dump_replacing(indent, true) == nlohmann::ordered_json::parse(text).dump(indent, ' ', true));
  }
  CHECK(Json(read(text)).dump() == read(text).dump());
}

TEST_CASE("a list of names and values is a JSON object, another one an array") {
  const Json json = {{"one", 1}, {"pair", {1, 2}}, {"words", {"a", "b", "c"}}, {"in", {{"x", nullptr}}}};
  CHECK(json.dump() == R"({"one":1,"pair":[1,2],"words":["a","b","c"],"in":{"x":null}})");
  CHECK(Json{1, "a"}.dump() == R"([1,"a"])");
  CHECK(Json{{"a", 1, 2}}.dump() == R"([["a",1,2]])");
  CHECK(Json{{1, 2}, {"a", 2}}.dump() == R"([[1,2],["a",2]])");
  CHECK(Json(std::vector<int64_t>()).dump() == "[]");
  CHECK(Json(std::map<std::string, double>{{"b", 0.5}, {"a", 2}}).dump() == R"({"a":2.0,"b":0.5})");
  CHECK(Json(std::map<std::string, std::string>()).dump() == "{}");
}

TEST_CASE("JSON objects are equal in any order of their names, and numbers by value") {
  CHECK(read(R"({"a":1,"b":{"c":2,"d":3}})") == read(R"({"b":{"d":3,"c":2},"a":1})"));
  CHECK(read(R"({"a":1})") != read(R"({"a":1,"b":1})"));
  CHECK(read(R"({"a":1})") != read(R"({"b":1})"));
  CHECK(read("[1,2]") != read("[2,1]"));
  CHECK(read("1") == Json(1));
  CHECK(read("1.0") == Json(1));
  CHECK(read("-1") != read("18446744073709551615"));
  CHECK(read("1") != Json(true));
  CHECK(read("\"1\"") != Json(1));
}

TEST_CASE("JSON numbers beyond 2^53 are exact") {
  for (const char* text : {"9007199254740993", "18446744073709551615", "-9223372036854775808"})
    CHECK(read(text).dump() == text);
  CHECK(read("18446744073709551615").get<uint64_t>() == UINT64_MAX);
  CHECK(read("-9223372036854775808").get<int64_t>() == INT64_MIN);
  CHECK(read("9007199254740993") != read("9007199254740992"));
  CHECK(read("9007199254740993").is_number_unsigned());
  CHECK_FALSE(read("-1").is_number_unsigned());
  CHECK_FALSE(read("1.0").is_number_integer());
}

TEST_CASE("what JSON does not hold is an error by name and type") {
  const Json json = {{"a", 1}, {"list", {1, 2}}};
  CHECK(json_error_of([&] { json.at("b"); }) == "[json.exception.out_of_range.403] key 'b' not found");
  CHECK(json_error_of([&] { json.at("a").at("b"); }) == "[json.exception.type_error.304] cannot use at() with number");
  CHECK(json_error_of([&] { json.at("list").at(2); }) ==
        "[json.exception.out_of_range.401] array index 2 is out of range");
  CHECK(json_error_of([&] { json.at("a").get<std::string>(); }) ==
        "[json.exception.type_error.302] type must be string, but is number");
  CHECK(json_error_of([&] { json.at("list").get<int64_t>(); }) ==
        "[json.exception.type_error.302] type must be number, but is array");
  CHECK(json_error_of([&] { json.at("list").value("a", 1); }) ==
        "[json.exception.type_error.306] cannot use value() with array");
  CHECK(json_error_of([&] { Json("\xff").dump(); }) ==
        "[json.exception.type_error.316] invalid UTF-8 byte at index 0: 0xFF");
  CHECK(Json("a\xff").dump_replacing() == "\"a\xef\xbf\xbd\"");
  CHECK(json.value("b", 5) == 5);
  CHECK(json.value("a", 5) == 1);
}

TEST_CASE("a JSON object without one of its names keeps the others") {
  Json json = {{"z", 1}, {"m", 2}, {"a", 3}};
  const Json before = json;
  json.erase("m");
  json.erase("absent");
  json["n"] = 4;
  json.update({{"a", 5}, {"b", 6}});
  CHECK(json.dump() == R"({"z":1,"a":5,"n":4,"b":6})");
  CHECK(json.at("n") == 4);
  CHECK(before.dump() == R"({"z":1,"m":2,"a":3})");
  std::string names;
  for (const auto& [name, value] : json.items()) names += name + value.dump();
  CHECK(names == "z1a5n4b6");
}

TEST_CASE("JSON from outside is refused where it is too deep or has a name twice") {
  const auto error = [](auto parse, std::string_view text) {
    return error_of(ErrorKind::input, [&] { parse(text, "x", 2); });
  };
  CHECK(error(parse_json, "[[[1]]]") == "x: nested deeper than 2 levels");
  CHECK(error(parse_json_by_hand, R"({"a":[[]]})") == "x: nested more than 2 deep");
  CHECK(parse_json("[[1],[2]]", "x", 2).size() == 2);
  CHECK(error(parse_json, R"({"a":1,"a":2})") == "x: \"a\" is there twice");
  CHECK(parse_json_by_hand(R"({"a":[1],"a":2})", "x", 2).dump() == R"({"a":2})");
  CHECK(error(parse_json, "[1,]") == "x: not valid JSON at byte 4");
  CHECK(error(parse_json_by_hand, "[\n1,]")
            .starts_with("x: not JSON: [json.exception.parse_error.101] parse error at line 2, column 3: "));
  CHECK(is_json("[[[1]]]"));
  CHECK_FALSE(is_json("[1,]"));
}
