#include "io/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "seedstory/error.h"

namespace seedstory {

nlohmann::json parse_json(std::string_view text, const std::string& what, size_t max_depth) {
  using json = nlohmann::json;
  using Event = json::parse_event_t;
  std::vector<std::set<std::string>> names;  // of the objects and arrays that are open

  const auto watch = [&](int, Event event, json& value) {
    if (event == Event::object_start || event == Event::array_start) {
      if (names.size() == max_depth) fail_input(fmt::format("{}: nested deeper than {} levels", what, max_depth));
      names.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      names.pop_back();
    } else if (event == Event::key && !names.back().insert(value.get<std::string>()).second) {
      fail_input(fmt::format("{}: \"{}\" is there twice", what, value.get<std::string>()));
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    fail_input(fmt::format("{}: not valid JSON at byte {}", what, error.byte));
  } catch (const json::exception& error) {
    fail_input(fmt::format("{}: not valid JSON: {}", what, error.what()));
  }
}

}  // namespace seedstory
