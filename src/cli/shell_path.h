// Paths from where no shell has read them: the configuration file, and variables out of a file of settings.
#pragma once

#include <optional>
#include <string>

namespace seedstory {

// Of the environment; nothing where it is not set or empty.
std::optional<std::string> variable(const char* name);

// ~ and ~NAME at the beginning, $NAME and ${NAME}. What cannot be resolved stays as it is.
std::string shell_path(const std::string& text);

}  // namespace seedstory
