#include "io/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "seedstory/error.h"

namespace seedstory {
namespace {

using Json = nlohmann::json;

// Sees a text pass by: how deep it is, and whether a name is there twice. The library's own callback would cost the
// square of an object's size.
class Watch : public nlohmann::json_sax<Json> {
 public:
  Watch(const std::string& what, size_t max_depth) : what_(what), max_depth_(max_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) fail_input(fmt::format("{}: \"{}\" is there twice", what_, name));
    return true;
  }
  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& error) override {
    if (dynamic_cast<const Json::parse_error*>(&error))
      fail_input(fmt::format("{}: not valid JSON at byte {}", what_, byte));
    fail_input(fmt::format("{}: not valid JSON: {}", what_, error.what()));
  }

 private:
  bool open() {
    if (names_.size() == max_depth_) fail_input(fmt::format("{}: nested deeper than {} levels", what_, max_depth_));
    names_.emplace_back();
    return true;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  const std::string& what_;
  size_t max_depth_;
  std::vector<std::set<std::string>> names_;  // of the objects and arrays that are open
};

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& what, size_t max_depth) {
  Watch watch(what, max_depth);
  Json::sax_parse(text.begin(), text.end(), &watch);
  return Json::parse(text.begin(), text.end());
}

}  // namespace seedstory
