// One exception for everything that can go wrong. Libraries throw it; main prints it as one line and turns its kind
// into the exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace seedstory {

// The values are the program's exit codes.
enum class ErrorKind {
  failed = 1,    // the generation itself failed
  usage = 2,     // the command line is wrong
  input = 3,     // a model, picture, caption or output place is missing or invalid
  resource = 4,  // not enough memory, or the device is absent
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
};

// What came, what was expected, and where: "AddRmsNorm: w is f32(63), expected (64)".
[[noreturn]] inline void fail(const std::string& message) {
  throw Error(ErrorKind::failed, message);
}
[[noreturn]] inline void fail_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}
[[noreturn]] inline void fail_input(const std::string& message) {
  throw Error(ErrorKind::input, message);
}
[[noreturn]] inline void fail_resource(const std::string& message) {
  throw Error(ErrorKind::resource, message);
}

}  // namespace seedstory
