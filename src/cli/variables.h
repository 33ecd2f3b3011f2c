// Environment variables: every flag that is a setting has one, SEEDSTORY_STEPS for --steps.
#pragma once

#include <string>
#include <vector>

#include "cli/manual.h"

namespace seedstory {

std::string variable_of(const std::string& flag);  // of its name without the dashes

// A line for each variable that is set and begins as ours do, but that no flag has: a slip in its name would be a
// setting that never comes.
std::vector<std::string> unknown_variables(const CommandDoc& program);

}  // namespace seedstory
