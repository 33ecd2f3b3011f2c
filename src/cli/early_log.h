// The log of a command line that is not understood.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace seedstory {

// Opens the file of --log-file, or of its variable, as far as the words of a story's command say it. Only a new one, a
// device, or a log of before: what else lies there is nobody's to write into, while it is not known what it is for.
// ErrorKind::input where it cannot be opened.
void open_early_log(const std::vector<std::string>& words, Terminal& terminal);

}  // namespace seedstory
