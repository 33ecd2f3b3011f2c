// The value of a flag that has one of a table's names (seedstory/choice.h).
#pragma once

#include <string>
#include <vector>

#include "seedstory/choice.h"

namespace seedstory {

// "a, b or c"
std::string one_of(const std::vector<std::string>& names);

// ErrorKind::usage, the flag and its value first: no such name.
template <class Table>
auto parse_choice(const std::string& flag, const std::string& name, const Table& table) {
  if (const auto value = value_in(table, name)) return *value;
  fail_usage(flag + " " + name + ": expected " + one_of(names_in(table)));
}

}  // namespace seedstory
