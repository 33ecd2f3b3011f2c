// JSON from outside: nested no deeper than expected, no name twice in an object.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace seedstory {

// `what` begins the error messages: the file, and where in it. A flat object has depth 1.
nlohmann::json parse_json(std::string_view text, const std::string& what, size_t max_depth);

}  // namespace seedstory
