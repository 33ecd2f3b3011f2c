// Values, and the library's parser and printer behind them.
#include "io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "seedstory/error.h"

namespace seedstory {

// Copies point to names of their own.
struct Json::Values {
  std::vector<Json> values;
  // Of an object:
  std::map<std::string, size_t, std::less<>> places;
  std::vector<const std::string*> names;

  Values() = default;
  Values(const Values& other) : values(other.values), places(other.places), names(other.names.size()) {
    for (const auto& [name, place] : places) names[place] = &name;
  }
  Values& operator=(const Values&) = delete;

  const Json* find(std::string_view name) const {
    const auto at = places.find(name);
    return at == places.end() ? nullptr : &values[at->second];
  }
};

Json::Json(std::string text) : kind_(Kind::string) {
  string_ = new std::string(std::move(text));
}

Json::Json(std::initializer_list<Json> list) : Json() {
  const bool is_object = std::all_of(list.begin(), list.end(), [](const Json& pair) {
    return pair.is_array() && pair.size() == 2 && pair.begin()->is_string();
  });
  *this = is_object ? object() : array();
  for (const Json& item : list) {
    if (!is_object)
      push_back(item);
    else if (const std::string& name = *item[0].string_; !contains(name))  // the first of equal names counts
      (*this)[name] = item[1];
  }
}

Json Json::array() {
  Json json;
  json.values_ = new Values;
  json.kind_ = Kind::array;
  return json;
}

Json Json::object() {
  Json json = array();
  json.kind_ = Kind::object;
  return json;
}

Json::Json(const Json& other) : Json() {
  if (other.is_string())
    string_ = new std::string(*other.string_);
  else if (other.is_array() || other.is_object())
    values_ = new Values(*other.values_);
  else
    natural_ = other.natural_;
  kind_ = other.kind_;
}

Json::~Json() {
  if (is_string()) delete string_;
  if (is_array() || is_object()) delete values_;
}

const char* Json::type_name() const {
  constexpr const char* kNames[] = {"null", "boolean", "number", "number", "number", "string", "array", "object"};
  return kNames[int(kind_)];
}

// As the library says it.
void Json::wrong(const char* code, const char* use) const {
  throw JsonError(fmt::format("[json.exception.type_error.{}] {} {}", code, use, type_name()));
}

template <class T>
T Json::number() const {
  if (!is_number()) wrong("302", "type must be number, but is");
  return kind_ == Kind::integer ? T(integer_) : kind_ == Kind::natural ? T(natural_) : T(real_);
}
template <>
int64_t Json::get<int64_t>() const {
  return number<int64_t>();
}
template <>
uint64_t Json::get<uint64_t>() const {
  return number<uint64_t>();
}
template <>
double Json::get<double>() const {
  return number<double>();
}
template <>
bool Json::get<bool>() const {
  if (!is_boolean()) wrong("302", "type must be boolean, but is");
  return boolean_;
}
template <>
std::string Json::get<std::string>() const {
  if (!is_string()) wrong("302", "type must be string, but is");
  return *string_;
}

const Json* Json::begin() const {
  return is_array() || is_object() ? values_->values.data() : this;
}

const Json* Json::end() const {
  return is_array() || is_object() ? begin() + values_->values.size() : this + (is_null() ? 0 : 1);
}

Json::Item Json::Items::Iterator::operator*() const {
  return {.name = of.is_object()  ? *of.values_->names[index]
                  : of.is_array() ? std::to_string(index)
                                  : std::string(),
          .value = of.begin()[index]};
}

bool Json::contains(std::string_view name) const {
  return is_object() && values_->find(name);
}

const Json& Json::at(std::string_view name) const {
  if (!is_object()) wrong("304", "cannot use at() with");
  if (const Json* found = values_->find(name)) return *found;
  throw JsonError(fmt::format("[json.exception.out_of_range.403] key '{}' not found", name));
}

const Json& Json::at(size_t index) const {
  if (!is_array()) wrong("304", "cannot use at() with");
  if (index < size()) return begin()[index];
  throw JsonError(fmt::format("[json.exception.out_of_range.401] array index {} is out of range", index));
}

Json Json::value(std::string_view name, const Json& otherwise) const {
  if (!is_object()) wrong("306", "cannot use value() with");
  const Json* found = values_->find(name);
  return found ? *found : otherwise;
}

Json::Values& Json::become(Kind kind, const char* code, const char* use) {
  if (is_null()) *this = kind == Kind::object ? object() : array();
  if (kind_ != kind) wrong(code, use);
  return *values_;
}

Json& Json::operator[](std::string_view name) {
  Values& v = become(Kind::object, "305", "cannot use operator[] with a string argument with");
  if (const Json* found = v.find(name)) return const_cast<Json&>(*found);
  const auto place = v.places.emplace(name, v.values.size()).first;
  v.names.push_back(&place->first);
  return v.values.emplace_back();
}

Json& Json::push_back(Json value) {
  Values& v = become(Kind::array, "308", "cannot use push_back() with");
  return v.values.emplace_back(std::move(value));
}

Json& Json::back() {
  return become(Kind::array, "308", "cannot use back() with").values.back();
}

void Json::update(const Json& object) {
  if (!object.is_object()) object.wrong("312", "cannot use update() with");
  for (const auto& [name, value] : object.items()) (*this)[name] = value;
}

void Json::erase(std::string_view name) {
  if (!is_object()) wrong("307", "cannot use erase() with");
  Values& v = *values_;
  const auto found = v.places.find(name);
  if (found == v.places.end()) return;
  const auto place = int64_t(found->second);
  v.places.erase(found);
  v.values.erase(v.values.begin() + place);
  v.names.erase(v.names.begin() + place);
  for (auto& [later, at] : v.places)
    if (at > size_t(place)) --at;
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    if (!a.is_number_integer() || !b.is_number_integer()) return a.get<double>() == b.get<double>();
    const auto is_negative = [](const Json& n) { return n.kind_ == Json::Kind::integer && n.integer_ < 0; };
    return a.natural_ == b.natural_ && is_negative(a) == is_negative(b);
  }
  if (a.kind_ != b.kind_) return false;
  if (a.is_null()) return true;
  if (a.is_boolean()) return a.boolean_ == b.boolean_;
  if (a.is_string()) return *a.string_ == *b.string_;
  if (a.size() != b.size()) return false;
  if (a.is_array()) return std::equal(a.begin(), a.end(), b.begin());
  const auto& there = b.values_->places;
  return std::equal(
      a.values_->places.begin(), a.values_->places.end(), there.begin(),
      [&](const auto& x, const auto& y) { return x.first == y.first && a.begin()[x.second] == b.begin()[y.second]; });
}

namespace {

using Library = nlohmann::ordered_json;

Library to_library(const Json& json) {
  if (json.is_null()) return nullptr;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<uint64_t>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  Library values = json.is_array() ? Library::array() : Library::object();
  if (json.is_array())
    for (const Json& value : json) values.push_back(to_library(value));
  else  // not by name, which the library would look for among all of them
    for (const auto& [name, value] : json.items())
      values.get_ref<Library::object_t&>().emplace_back(name, to_library(value));
  return values;
}

// Builds a value as the text passes by, and sees how deep it is and whether a name is there twice. The library's own
// callback would cost the square of an object's size.
class Builder : public nlohmann::json_sax<Library> {
 public:
  Builder(std::string_view text, const std::string& what, size_t max_depth, bool is_by_hand)
      : text_(text), what_(what), max_depth_(max_depth), is_by_hand_(is_by_hand) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override { return put(value); }
  bool number_unsigned(uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Library::binary_t&) override { return false; }  // JSON has none
  bool start_object(size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!is_by_hand_ && open_.back()->contains(name)) fail_input(fmt::format("{}: \"{}\" is there twice", what_, name));
    named_ = &(*open_.back())[name];
    return true;
  }
  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& error) override {
    if (is_by_hand_) fail_input(fmt::format("{}: not JSON: {}", what_, error.what()));
    if (dynamic_cast<const Library::parse_error*>(&error))
      fail_input(fmt::format("{}: not valid JSON at {}", what_, place_of(byte)));
    fail_input(fmt::format("{}: not valid JSON: {}", what_, error.what()));
  }

 private:
  // As an editor counts, where there are lines. The first byte is 1.
  std::string place_of(size_t byte) const {
    const std::string_view before = text_.substr(0, std::min(text_.size(), std::max<size_t>(byte, 1) - 1));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    if (lines == 0) return fmt::format("byte {}", byte);
    return fmt::format("line {}, byte {}", lines + 1, byte - before.rfind('\n') - 1);
  }

  // Where the next value goes. The values that are open stay where they are: only the innermost one grows.
  Json& place() {
    if (open_.empty()) return root_;
    return open_.back()->is_array() ? open_.back()->push_back(nullptr) : *named_;
  }
  bool put(Json value) {
    place() = std::move(value);
    return true;
  }
  bool open(Json value) {
    if (open_.size() == max_depth_)
      fail_input(is_by_hand_ ? fmt::format("{}: nested more than {} deep", what_, max_depth_)
                             : fmt::format("{}: nested deeper than {} levels", what_, max_depth_));
    Json& opened = place();
    opened = std::move(value);
    open_.push_back(&opened);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string_view text_;
  const std::string& what_;
  size_t max_depth_;
  bool is_by_hand_;
  Json root_;
  Json* named_ = nullptr;  // the value behind the last name
  std::vector<Json*> open_;
};

Json parse(std::string_view text, Builder builder) {
  Library::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace

std::string Json::dump(int indent) const {
  try {
    return to_library(*this).dump(indent);
  } catch (const Library::exception& error) {
    throw JsonError(error.what());
  }
}

std::string Json::dump_replacing(int indent, bool ascii) const {
  return to_library(*this).dump(indent, ' ', ascii, Library::error_handler_t::replace);
}

Json parse_json(std::string_view text, const std::string& what, size_t max_depth) {
  return parse(text, Builder(text, what, max_depth, false));
}

Json parse_json_by_hand(std::string_view text, const std::string& what, size_t max_depth) {
  return parse(text, Builder(text, what, max_depth, true));
}

bool is_json(std::string_view text) {
  return Library::accept(text.begin(), text.end());
}

}  // namespace seedstory
