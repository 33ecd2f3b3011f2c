// What a person may have meant: short ways to say a command, and words that are nearly right.
#pragma once

#include <string>
#include <vector>

#include "cli/manual.h"
#include "seedstory/error.h"

namespace seedstory {

// What the program says when it is asked for nothing: one screen with the first command to try.
std::string front_page(const CommandDoc& program);

// The words behind the program's name with a command in front: `help X` is `X --help`, and a text is a prompt for
// generate. ErrorKind::usage: there is no such command, or -seed stands for --seed.
std::vector<std::string> with_command(std::vector<std::string> words, const CommandDoc& program);

// ErrorKind::usage for words that `command` knows nothing of, in the order in which they came; flags first, since a
// flag that is not known leaves its value behind. `command` may be one below another ("bench compare"); `prompt` is the
// one that was given.
[[noreturn]] void refuse_words(const std::vector<std::string>& words, const CommandDoc& program,
                               const std::string& command, const std::string& prompt);

// "--policy windw: expected ..." with "; did you mean window?" behind it, where the flag has such a choice.
Error with_choice(const Error& error, const CommandDoc& command);

// The candidate that is a slip away from a word, or of which the word is the beginning; empty: none is.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

// "; did you mean fox?", or nothing.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace seedstory
