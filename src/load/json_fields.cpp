// Reads and checks the fields of one object.
#include "load/json_fields.h"

#include <algorithm>
#include <cmath>

#include "io/file.h"

namespace seedstory {
namespace {

constexpr int64_t kFileLimit = 4 << 20;
constexpr int kDepthLimit = 32;

std::string shown(const Json& value) {
  std::string s = value.dump_replacing(-1, true);
  if (s.size() > 60) s.replace(57, std::string::npos, "...");
  return s;
}

}  // namespace

JsonFields JsonFields::read(const std::filesystem::path& file) {
  return of(parse_json_by_hand(read_text_file(file, kFileLimit), file.string(), kDepthLimit), file.string());
}

JsonFields JsonFields::parse(std::string_view text, const std::string& name, int most_depth) {
  return of(parse_json(text, name, most_depth), name);
}

JsonFields JsonFields::of(Json json, const std::string& name) {
  if (!json.is_object()) fail_input(fmt::format("{}: {} came, expected an object", name, shown(json)));
  return JsonFields(std::move(json), name + ": ");
}

JsonFields JsonFields::object(const std::string& key) const {
  Json inner = Json::object();
  if (has(key)) inner = json_[key];
  if (!inner.is_object()) wrong(key, shown(inner) + " came, expected an object");
  return JsonFields(std::move(inner), where_ + key + ".");
}

std::vector<JsonFields> JsonFields::objects(const std::string& key) const {
  std::vector<JsonFields> all;
  if (!has(key)) return all;
  const Json& list = json_[key];
  if (!list.is_array()) wrong(key, shown(list) + " came, expected an array of objects");
  for (const Json& item : list) {
    const std::string place = fmt::format("{}[{}]", key, all.size());
    if (!item.is_object()) wrong(place, shown(item) + " came, expected an object");
    all.push_back(JsonFields(item, where_ + place + "."));
  }
  return all;
}

std::vector<std::string> JsonFields::keys() const {
  std::vector<std::string> all;
  for (const auto& [key, value] : json_.items()) all.push_back(key);
  return all;
}

void JsonFields::wrong(const std::string& key, const std::string& what) const {
  fail_input(fmt::format("{}{}: {}", where_, key, what));
}

void JsonFields::get(const std::string& key, int64_t& value, int64_t least, int64_t most) const {
  if (!has(key)) return;
  const auto& v = json_[key];
  const bool fits = v.is_number_integer() && (v.is_number_unsigned() ? v.get<uint64_t>() <= uint64_t(INT64_MAX) : true);
  if (!fits || v.get<int64_t>() < least || v.get<int64_t>() > most)
    wrong(key, fmt::format("{} came, expected an integer from {} to {}", shown(v), least, most));
  value = v.get<int64_t>();
}

void JsonFields::get(const std::string& key, double& value) const {
  if (!has(key)) return;
  if (!json_[key].is_number()) wrong(key, shown(json_[key]) + " came, expected a number");
  value = json_[key].get<double>();
}

void JsonFields::get(const std::string& key, double& value, double least, double most) const {
  get(key, value);
  if (has(key) && !(value >= least && value <= most))
    wrong(key, fmt::format("{} came, expected a number from {} to {}", shown(json_[key]), least, most));
}

void JsonFields::get(const std::string& key, float& value) const {
  double wide = value;
  get(key, wide);
  if (!has(key)) return;
  value = float(wide);
  if (!std::isfinite(value) || (wide != 0 && value == 0))
    wrong(key, shown(json_[key]) + " came, which f32 cannot hold");
}

void JsonFields::get(const std::string& key, bool& value) const {
  if (!has(key)) return;
  if (!json_[key].is_boolean()) wrong(key, shown(json_[key]) + " came, expected true or false");
  value = json_[key].get<bool>();
}

void JsonFields::get(const std::string& key, std::string& value) const {
  if (!has(key)) return;
  if (!json_[key].is_string()) wrong(key, shown(json_[key]) + " came, expected a string");
  value = json_[key].get<std::string>();
}

void JsonFields::get(const std::string& key, std::vector<std::string>& value) const {
  if (!has(key)) return;
  const auto& v = json_[key];
  const auto is_string = [](const Json& e) { return e.is_string(); };
  if (!v.is_array() || !std::all_of(v.begin(), v.end(), is_string))
    wrong(key, shown(v) + " came, expected an array of strings");
  value.clear();
  for (const Json& e : v) value.push_back(e.get<std::string>());
}

void JsonFields::get(const std::string& key, std::vector<int64_t>& value, size_t count) const {
  if (!has(key)) return;
  const auto& v = json_[key];
  const auto is_size = [](const Json& e) {
    return e.is_number_integer() && e.get<double>() >= 0 && e.get<double>() <= double(int64_t(1) << 31);
  };
  if (count != 0 && is_size(v)) {
    value.assign(count, v.get<int64_t>());
    return;
  }
  if (!v.is_array() || !std::all_of(v.begin(), v.end(), is_size) || (count != 0 && v.size() != count))
    wrong(key, shown(v) + " came, expected an array of " + (count ? std::to_string(count) + " " : "") + "sizes");
  value.clear();
  for (const Json& e : v) value.push_back(e.get<int64_t>());
}

}  // namespace seedstory
