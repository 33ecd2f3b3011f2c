// Each word of gpu.cuh, alone: what 32 lanes make of what 32 lanes are given.
#pragma once

#include <cstdint>
#include <span>

namespace seedstory {

struct WordTest {
  const char* name;
  int in, out;  // 32-bit words a lane
  bool exact;   // else a float, good to 2^-20
  void (*launch)(uint32_t* out, const uint32_t* in);
};
std::span<const WordTest> all_words();

}  // namespace seedstory
