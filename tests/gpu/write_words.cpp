// Prints what the emulator makes of every word of gpu.cuh, for a machine with a card to compare with: a line of the
// word's name, the round, and what each lane gives. tests/ptx shows that the PTX of these words makes the same.
#include <simt.h>  // the emulator's, not this folder's

#include <cstdio>

#include "../ptx/word_inputs.h"

using namespace seedstory;

int main() {
  for (const WordTest& word : all_words())
    for (int round = 0; round < kWordRounds; ++round) {
      const std::vector<uint32_t> values = word_inputs(word, round);
      const size_t outs = size_t(word.out) * 32;
      auto* const in = static_cast<uint32_t*>(simt::allocate(values.size() * 4));
      auto* const out = static_cast<uint32_t*>(simt::allocate(outs * 4));
      std::copy(values.begin(), values.end(), in);
      word.launch(out, in);
      std::printf("%s\t%d\t", word.name, round);
      for (size_t i = 0; i < outs; ++i) std::printf(" %x", unsigned(out[i]));
      std::printf("\n");
      simt::release(in);
      simt::release(out);
    }
}
