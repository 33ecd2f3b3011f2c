// What the emulator says of a mistake.
#pragma once

#include <functional>
#include <string>

#include "simt.h"

namespace simt {

// The error's text, or "" if all went well.
inline std::string said(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace simt
