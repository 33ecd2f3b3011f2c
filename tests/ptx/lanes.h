// Runs a few lines of PTX by hand.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "ptx.h"
#include "said.h"

namespace ptx {

// What the lanes of a block bring in %rd1, %rd2, %rd3; %r, %f and %rs of that number are the low bits of the same.
struct Brought {
  uint64_t a = 0, b = 0, c = 0;
};
// Runs `body` for a thread each. The result is whatever was put into %rd0, %r0, %f0, %rs0 or %p0: the one that the
// first statement with such a destination names.
std::vector<uint64_t> results(const std::string& body, const std::vector<Brought>& brought, size_t shared_bytes = 0);
// The same for one thread.
uint64_t result(const std::string& body, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);

using simt::said;

}  // namespace ptx
