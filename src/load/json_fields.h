// A JSON object whose every wrong or missing field is an error that names the file and the field.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "io/json.h"
#include "seedstory/choice.h"

namespace seedstory {

class JsonFields {
 public:
  // The object in a file. ErrorKind::input: missing, not JSON, nested too deeply, not an object.
  static JsonFields read(const std::filesystem::path& file);
  // The object that a JSON text of that name is. ErrorKind::input as above.
  static JsonFields parse(std::string_view text, const std::string& name, int most_depth);

  bool has(const std::string& key) const { return json_.contains(key) && !json_[key].is_null(); }
  JsonFields object(const std::string& key) const;                // empty if absent
  std::vector<JsonFields> objects(const std::string& key) const;  // of an array; none if absent
  std::vector<std::string> keys() const;

  // Leave `value` as it is where the field is absent.
  void get(const std::string& key, int64_t& value, int64_t least = 1, int64_t most = int64_t(1) << 31) const;
  void get(const std::string& key, double& value) const;
  void get(const std::string& key, double& value, double least, double most) const;
  void get(const std::string& key, float& value) const;
  void get(const std::string& key, bool& value) const;
  void get(const std::string& key, std::string& value) const;
  void get(const std::string& key, std::vector<std::string>& value) const;
  // An array, or one number that stands for `count` equal ones.
  void get(const std::string& key, std::vector<int64_t>& value, size_t count = 0) const;

  template <class T, class... Limits>
  T need(const std::string& key, Limits... limits) const {
    if (!has(key)) wrong(key, "is missing");
    T value{};
    get(key, value, limits...);
    return value;
  }
  // The name of a row of a table (seedstory/choice.h).
  template <class Value, class Table>
  requires std::is_enum_v<Value>
  void get(const std::string& key, Value& value, const Table& table) const {
    if (!has(key)) return;
    std::string name;
    get(key, name);
    if (const auto found = value_in(table, name))
      value = *found;
    else
      wrong(key, fmt::format("\"{}\" came, expected one of {}", name, fmt::join(names_in(table), ", ")));
  }

  [[noreturn]] void wrong(const std::string& key, const std::string& what) const;

 private:
  static JsonFields of(Json json, const std::string& name);
  JsonFields(Json json, std::string where) : json_(std::move(json)), where_(std::move(where)) {}

  Json json_;
  std::string where_;  // "model.json: vit."
};

}  // namespace seedstory
