// What an Error said.
#pragma once

#include <string>

#include "seedstory/error.h"

namespace seedstory {

// The message of the Error that `run` throws, if it is of this kind; else what happened instead.
template <class F>
std::string error_of(ErrorKind kind, F&& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.kind == kind ? error.what() : std::string("another kind: ") + error.what();
  }
  return "no error";
}

}  // namespace seedstory
