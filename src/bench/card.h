// What a card can do, by its data sheet.
#pragma once

namespace seedstory {

// Dense products in bf16 with sums in f32, and memory. Limits, not what our kernels reach.
struct Card {
  const char* name;
  double gib, teraflops, terabytes;
  int capability;  // 80: 8.0
  int multiprocessors;
  int flops_a_cycle;  // the same products, of a multiprocessor

  // The clock at which the products reach the data sheet's figure, in Hz.
  double clock() const { return teraflops * 1e12 / (double(multiprocessors) * flops_a_cycle); }
};

}  // namespace seedstory
