// What the words are tried with, and when two ways agree on what they make of it.
#pragma once

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "seedstory/float16.h"
#include "words.h"

namespace seedstory {

inline constexpr int kWordRounds = 20;

// Of all lanes. For exact words two f16 that are also small numbers as two bf16; as an f32 or an integer whatever it
// then is. For the others floats from -8 to 8.
inline std::vector<uint32_t> word_inputs(const WordTest& word, int round) {
  std::mt19937 random(uint32_t(round + 1));
  const auto half = [&] { return uint32_t(f32_to_f16(float(int(random() % 64) - 32) / 8)); };
  std::vector<uint32_t> values(size_t(word.in) * 32);
  for (uint32_t& v : values) {
    if (word.exact) {
      const uint32_t low = half();
      v = low | half() << 16;
    } else {
      v = std::bit_cast<uint32_t>(float(int(random() % 512) - 256) / 32);
    }
  }
  return values;
}

inline bool agree(const WordTest& word, uint32_t got, uint32_t expected) {
  if (word.exact) return got == expected;
  const float a = std::bit_cast<float>(got), b = std::bit_cast<float>(expected);
  return std::fabs(a - b) <= std::fabs(b) * 0x1p-20f;
}

}  // namespace seedstory
