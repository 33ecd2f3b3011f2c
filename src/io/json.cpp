// JSON in one pass, with limits, and refusing a name that is there twice.
#include "io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "seedstory/error.h"

namespace seedstory {
namespace {

// Builds a value as the text passes by, and sees how deep it is and whether a name is there twice. The library's own
// callback would cost the square of an object's size.
template <class Json>
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const std::string& what, size_t max_depth)
      : text_(text), what_(what), max_depth_(max_depth) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(typename Json::number_integer_t value) override { return put(value); }
  bool number_unsigned(typename Json::number_unsigned_t value) override { return put(value); }
  bool number_float(typename Json::number_float_t value, const typename Json::string_t&) override { return put(value); }
  bool string(typename Json::string_t& value) override { return put(std::move(value)); }
  bool binary(typename Json::binary_t&) override { return false; }  // JSON has none
  bool start_object(size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool key(typename Json::string_t& name) override {
    const auto [at, is_new] = open_.back()->template get_ref<typename Json::object_t&>().emplace(name, nullptr);
    if (!is_new) fail_input(fmt::format("{}: \"{}\" is there twice", what_, name));
    named_ = &at->second;
    return true;
  }
  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& error) override {
    if (dynamic_cast<const typename Json::parse_error*>(&error))
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
    return open_.back()->is_array() ? open_.back()->emplace_back() : *named_;
  }
  template <class Value>
  bool put(Value&& value) {
    place() = std::forward<Value>(value);
    return true;
  }
  bool open(Json value) {
    if (open_.size() == max_depth_) fail_input(fmt::format("{}: nested deeper than {} levels", what_, max_depth_));
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
  Json root_;
  Json* named_ = nullptr;  // the value behind the last name
  std::vector<Json*> open_;
};

template <class Json>
Json parse(std::string_view text, const std::string& what, size_t max_depth) {
  Builder<Json> builder(text, what, max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& what, size_t max_depth) {
  return parse<nlohmann::json>(text, what, max_depth);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what, size_t max_depth) {
  return parse<nlohmann::ordered_json>(text, what, max_depth);
}

}  // namespace seedstory
