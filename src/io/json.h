// A JSON value, and JSON from outside. The library behind it is slow to compile, and stays out of headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "seedstory/error.h"

namespace seedstory {

// A value is not of the type that was asked for, or has no such name or index.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Objects keep the order of their names, and are equal in any order.
class Json {
 public:
  Json(std::nullptr_t = nullptr) {}
  Json(bool value) : kind_(Kind::boolean) { boolean_ = value; }
  Json(int value) : Json((long long)value) {}
  Json(long value) : Json((long long)value) {}
  Json(long long value) : kind_(Kind::integer) { integer_ = value; }
  Json(unsigned value) : Json((unsigned long long)value) {}
  Json(unsigned long value) : Json((unsigned long long)value) {}
  Json(unsigned long long value) : kind_(Kind::natural) { natural_ = value; }
  Json(double value) : kind_(Kind::real) { real_ = value; }
  Json(std::string text);
  Json(std::string_view text) : Json(std::string(text)) {}
  Json(const char* text) : Json(std::string(text)) {}
  // {{"name", value}, ...} is an object, another list an array.
  Json(std::initializer_list<Json> values);
  // A map is an object, another container an array.
  template <class Range>
  requires requires {
    typename Range::value_type;
  } &&(!std::is_convertible_v<Range, std::string_view>)Json(const Range& range) : Json() {
    constexpr bool is_map = requires {
      typename Range::mapped_type;
    };
    *this = is_map ? object() : array();
    for (const auto& item : range)
      if constexpr (is_map)
        (*this)[item.first] = item.second;
      else
        push_back(item);
  }
  static Json array();
  static Json object();

  Json(const Json& other);
  Json(Json&& other) noexcept : Json() { swap(other); }
  Json& operator=(Json other) noexcept {
    swap(other);
    return *this;
  }
  ~Json();

  bool is_null() const { return kind_ == Kind::null; }
  bool is_boolean() const { return kind_ == Kind::boolean; }
  bool is_number() const { return is_number_integer() || kind_ == Kind::real; }
  bool is_number_integer() const { return kind_ == Kind::integer || kind_ == Kind::natural; }
  bool is_number_unsigned() const { return kind_ == Kind::natural; }  // also every number >= 0 that was read
  bool is_string() const { return kind_ == Kind::string; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_object() const { return kind_ == Kind::object; }
  const char* type_name() const;

  // std::string, bool, int64_t, uint64_t or double; numbers are cast.
  template <class T>
  T get() const;

  // Of an array or object; null has no values, and any other value is the only one of itself.
  size_t size() const { return size_t(end() - begin()); }
  const Json* begin() const;
  const Json* end() const;
  struct Item {
    std::string name;  // in an array the index
    const Json& value;
  };
  struct Items {
    struct Iterator {
      const Json& of;
      size_t index;
      Item operator*() const;
      Iterator& operator++() { return ++index, *this; }
      bool operator!=(const Iterator& other) const { return index != other.index; }
    };
    const Json& of;
    Iterator begin() const { return {of, 0}; }
    Iterator end() const { return {of, of.size()}; }
  };
  Items items() const { return {*this}; }

  bool contains(std::string_view name) const;
  const Json& at(std::string_view name) const;
  Json& at(std::string_view name) { return const_cast<Json&>(std::as_const(*this).at(name)); }
  const Json& at(size_t index) const;
  const Json& operator[](std::string_view name) const { return at(name); }
  const Json& operator[](size_t index) const { return at(index); }
  Json value(std::string_view name, const Json& otherwise) const;

  // Null becomes an object or an array.
  Json& operator[](std::string_view name);  // null where it is new
  Json& push_back(Json value);              // the value in its place
  Json& back();
  void update(const Json& object);  // its names and values, over equal names
  void erase(std::string_view name);

  // In one line, or indented. Bytes of strings that are no UTF-8 are a JsonError.
  std::string dump(int indent = -1) const;
  // The same, and they become U+FFFD; as ASCII if asked.
  std::string dump_replacing(int indent = -1, bool ascii = false) const;

  // Numbers by value, whatever their type.
  friend bool operator==(const Json& a, const Json& b);

 private:
  enum class Kind : uint8_t { null, boolean, integer, natural, real, string, array, object };
  struct Values;

  void swap(Json& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(natural_, other.natural_);
  }
  Values& become(Kind kind, const char* code, const char* use);
  [[noreturn]] void wrong(const char* code, const char* use) const;
  template <class T>
  T number() const;

  Kind kind_ = Kind::null;
  union {
    bool boolean_;
    int64_t integer_;
    uint64_t natural_ = 0;
    double real_;
    std::string* string_;
    Values* values_;
  };
};

template <>
std::string Json::get<std::string>() const;
template <>
bool Json::get<bool>() const;
template <>
int64_t Json::get<int64_t>() const;
template <>
uint64_t Json::get<uint64_t>() const;
template <>
double Json::get<double>() const;

// JSON from outside: nested no deeper than expected, no name twice in an object. `what` begins the error messages: the
// file, and where in it. A flat object has depth 1.
Json parse_json(std::string_view text, const std::string& what, size_t max_depth);

// The same for what people write: errors say line and column, and the last of equal names counts.
Json parse_json_by_hand(std::string_view text, const std::string& what, size_t max_depth);

// What `read` says, or nothing where what it reads is damaged or somebody else's.
template <class F>
auto or_nothing(F&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const Error&) {
  } catch (const JsonError&) {
  }
  return {};
}

// Whether it is JSON at all.
bool is_json(std::string_view text);

}  // namespace seedstory
