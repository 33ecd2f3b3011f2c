// Named choices: the values of an enum under the names that users write and files hold.
//
// A table of them stands beside its enum, once. What speaks of the choice reads it: flags, help, errors, JSON.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seedstory/error.h"

namespace seedstory {

// A row of a table. A table whose rows have more says so with a struct of its own.
template <class Value>
struct Choice {
  Value value;
  const char *name, *about;  // `about` is one line for a person
};

template <class Table>
concept ChoiceTable = requires(const Table& table) {
  std::begin(table)->value;
};

template <ChoiceTable Table, class Value>
constexpr const auto& row_of(const Table& table, Value value) {
  for (const auto& row : table)
    if (row.value == value) return row;
  fail("row_of: a value came that has no name");
}

template <ChoiceTable Table, class Value>
constexpr const char* name_of(const Table& table, Value value) {
  return row_of(table, value).name;
}

template <class Table>
auto value_in(const Table& table, std::string_view name) {
  std::optional<decltype(std::begin(table)->value)> found;
  for (const auto& row : table)
    if (row.name == name) found = row.value;
  return found;
}

template <class Table>
std::vector<std::string> names_in(const Table& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

}  // namespace seedstory
