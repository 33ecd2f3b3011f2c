// JSON from outside: nested no deeper than expected, no name twice in an object.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace seedstory {

// `what` begins the error messages: the file, and where in it. A flat object has depth 1.
nlohmann::json parse_json(std::string_view text, const std::string& what, size_t max_depth);

// The same with names in the order of the text. An object costs the square of its size: for what a person writes.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what, size_t max_depth);

}  // namespace seedstory
