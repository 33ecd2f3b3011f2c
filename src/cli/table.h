// Cells of the tables that bench prints.
#pragma once

#include <string>

namespace seedstory {

// "1.23", "45.6", "789": three digits.
std::string figure(double x);

// In quotes, for CSV.
std::string csv_field(const std::string& text);

}  // namespace seedstory
